#include "compiler/cost/cycles.h"

#include "libmcunet/graph/operators.h"

namespace mcunet::compiler {
namespace {

// Instructions retired on the emulated Cortex-M7, fitted to the models of docs/benchmarks.md by
// scripts/bench.
struct Rate {
  double per_mac, per_output, per_input;
};

Rate rate_of(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D: {
      const Shape& w = graph.input(op, 1).shape;
      return w[1] * w[2] == 1 ? Rate{1.25, 14.0, 4.0} : Rate{1.75, 14.0, 4.0};
    }
    case OpKind::DepthwiseConv2D:
      return {3.5, 22.0, 0.0};
    case OpKind::FullyConnected:
      return {2.5, 20.0, 2.0};
    case OpKind::Add:
    case OpKind::Sub:
      return {0.0, 45.0, 0.0};
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      return {0.0, 25.0, 0.0};
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
      return {0.0, 30.0, 6.0};
    case OpKind::Mean:
      return {0.0, 60.0, 6.0};
    case OpKind::Softmax:
      return {0.0, 40.0, 0.0};
    case OpKind::Reshape:
      return {0.0, 0.0, 0.0};
    default:
      return {0.0, 6.0, 0.0};
  }
}

// Two instructions can issue together; what GCC makes of these kernels comes to this.
constexpr double kCyclesPerInstruction = 0.75;
constexpr double kInstructionsPerCall = 100.0;

}  // namespace

int64_t estimated_cycles(const Graph& graph, const Op& op) {
  const Rate rate = rate_of(graph, op);
  const double instructions = rate.per_mac * static_cast<double>(macs(graph, op)) +
                              rate.per_output * static_cast<double>(graph.output(op).elements()) +
                              rate.per_input * static_cast<double>(graph.input(op, 0).elements()) +
                              kInstructionsPerCall;
  return op.kind == OpKind::Reshape ? 0
                                    : static_cast<int64_t>(instructions * kCyclesPerInstruction);
}

int64_t estimated_cycles(const Graph& graph) {
  int64_t total = 0;
  for (const Op& op : graph.ops) total += estimated_cycles(graph, op);
  return total;
}

}  // namespace mcunet::compiler
