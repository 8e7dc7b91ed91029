#include "compiler/cost/cycles.h"

#include "libmcunet/graph/operators.h"

namespace mcunet::compiler {
namespace {

// Instructions of one kernel run as a linear function of its shape, fitted to the emulated
// Cortex-M7 over the layers of the ten networks of docs/benchmarks.md: 6 % mean error for 1x1 and
// general convolutions, 11 % for depthwise ones, where the width of a row matters too.
struct Rate {
  double per_mac = 0, per_output = 0, per_input = 0, fixed = 100;
};

Rate rate_of(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D: {
      const Shape& w = graph.input(op, 1).shape;
      const bool pointwise = w[1] * w[2] == 1 && graph.input(op, 0).elements() / w[3] ==
                                                     graph.output(op).elements() / w[0];
      // Beside the products, a patch of the input is gathered for every pixel of the output.
      if (!pointwise) return {1.0, 40.0, 0, 0};
      return {1.025, 18.0, 0, 740};
    }
    case OpKind::DepthwiseConv2D: {
      if (graph.input(op, 1).shape[3] != graph.input(op, 0).shape[3]) return {23.5, 150, 0, 100};
      return op.as<ConvAttrs>().stride_w == 1 ? Rate{1.15, 28.5, 0, 5000} : Rate{1.73, 41, 0, 5000};
    }
    case OpKind::FullyConnected:
      return {1.88, 42.7, 0, 0};
    case OpKind::Add:
    case OpKind::Sub:
      return {0, 17.6, 0, 140};
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      return {0, 29, 0, 82};
    case OpKind::AveragePool2D:
      return {0, 26, 3, 0};
    case OpKind::MaxPool2D:
      return {0, 42, 0, 0};
    case OpKind::Mean:
      return {0, 95, 5, 47};
    case OpKind::Softmax:
      return {0, 40, 0, 168};
    case OpKind::Reshape:
      return {0, 0, 0, 0};
    default:
      return {0, 6, 0, 100};
  }
}

// A Cortex-M7 issues two instructions together where it can: TinyEngine's and CMSIS-NN's kernels,
// built by the same compiler, take 0.72 and 0.73 cycles per instruction by its rules. The others
// issue one, and wait for loads and taken branches.
double cycles_per_instruction(const std::string& core) {
  return core == "cortex-m7" || core == "host" ? 0.73 : 1.25;
}

}  // namespace

int64_t estimated_cycles(const Graph& graph, const Op& op, const std::string& core) {
  const Rate rate = rate_of(graph, op);
  const double instructions = rate.per_mac * static_cast<double>(macs(graph, op)) +
                              rate.per_output * static_cast<double>(graph.output(op).elements()) +
                              rate.per_input * static_cast<double>(graph.input(op, 0).elements()) +
                              rate.fixed;
  return static_cast<int64_t>(instructions * cycles_per_instruction(core));
}

}  // namespace mcunet::compiler
