// What each kernel costs over a grid of shapes: instructions and cycles on an emulated core. One
// JSON document per operator on standard output; scripts/bench runs it.
//   mcunet_kernel_bench [BOARD …]     default: stm32f746 stm32f412, a Cortex-M7 and a Cortex-M4
// All shapes of one kind of operator are operators of one network that do not depend on each other,
// so that few firmwares need to be built. Kernels that only take part in runs of rows (mean_rows,
// average_pool_rows) and conversions at the edges are not among them.
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "libmcunet/graph/operators.h"
#include "profiler/execution.h"
#include "tests/support/builder.h"

namespace {

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Window;

// Builds one operator after the other and keeps their outputs.
class Network {
 public:
  explicit Network(const std::string& name) : build_(name, 1) {}

  // An operator on an image of its own.
  void add(const Shape& input, const std::function<TensorId(GraphBuilder&, TensorId)>& make) {
    outputs_.push_back(make(build_, build_.input(input)));
  }
  // An operator of two inputs.
  void add(const Shape& first, const Shape& second,
           const std::function<TensorId(GraphBuilder&, TensorId, TensorId)>& make) {
    const TensorId a = build_.input(first), b = build_.input(second, 1.0f / 50, 3);
    outputs_.push_back(make(build_, a, b));
  }
  void int4() { build_.weights.int4 = 1; }
  Graph build() const { return build_.build(outputs_); }

 private:
  GraphBuilder build_;
  std::vector<TensorId> outputs_;
};

// Inputs and outputs of the pointwise layers of MCUNet and MobileNet, from small to large.
Network pointwise(bool int4) {
  Network net(int4 ? "pointwise_s4" : "pointwise");
  if (int4) net.int4();
  for (const auto& [size, in, out] :
       {std::array{22, 16, 96}, std::array{22, 96, 16}, std::array{11, 24, 120},
        std::array{11, 120, 24}, std::array{6, 40, 240}, std::array{6, 240, 40},
        std::array{6, 480, 96}, std::array{12, 64, 64}, std::array{3, 128, 256}}) {
    net.add({1, size, size, in},
            [out = out](GraphBuilder& b, TensorId x) { return b.conv(x, out, Window::square(1)); });
  }
  // Few pixels, as rows of a stream have them.
  for (const int32_t pixels : {1, 2, 3, 5}) {
    net.add({1, 1, pixels, 64},
            [](GraphBuilder& b, TensorId x) { return b.conv(x, 64, Window::square(1)); });
  }
  return net;
}

Network convolution() {
  Network net("convolution");
  struct Case {
    int32_t size, in, out, kernel, stride;
  };
  for (const Case& c : {Case{48, 3, 16, 3, 2}, Case{48, 3, 16, 3, 1}, Case{16, 16, 16, 3, 1},
                        Case{16, 16, 32, 3, 2}, Case{8, 64, 64, 3, 1}, Case{24, 1, 8, 3, 2},
                        Case{24, 1, 32, 5, 1}, Case{12, 6, 10, 3, 1}}) {
    net.add({1, c.size, c.size, c.in}, [&](GraphBuilder& b, TensorId x) {
      return b.conv(x, c.out, Window::square(c.kernel, c.stride));
    });
  }
  return net;
}

Network depthwise() {
  Network net("depthwise");
  for (const int32_t kernel : {3, 5, 7}) {
    for (const int32_t stride : {1, 2}) {
      for (const int32_t size : {6, 11, 22, 44}) {
        net.add({1, size, size, 16}, [&](GraphBuilder& b, TensorId x) {
          return b.depthwise(x, 1, Window::square(kernel, stride));
        });
      }
    }
  }
  net.add({1, 24, 24, 8}, [](GraphBuilder& b, TensorId x) {
    return b.depthwise(x, 2, Window::square(3));  // the general kernel
  });
  return net;
}

Network dense(bool int4) {
  Network net(int4 ? "dense_s4" : "dense");
  if (int4) net.int4();
  for (const auto& [in, out] :
       {std::array{640, 128}, std::array{128, 128}, std::array{128, 640}, std::array{8, 128},
        std::array{64, 10}, std::array{256, 2}, std::array{160, 1000}, std::array{61, 13}}) {
    net.add({1, in},
            [out = out](GraphBuilder& b, TensorId x) { return b.fully_connected(x, out); });
  }
  return net;
}

Network elementwise() {
  Network net("elementwise");
  const auto sum = [](GraphBuilder& b, TensorId x, TensorId y) { return b.add(x, y); };
  const auto product = [](GraphBuilder& b, TensorId x, TensorId y) { return b.mul(x, y); };
  const auto maximum = [](GraphBuilder& b, TensorId x, TensorId y) { return b.maximum(x, y); };
  for (const auto& [size, channels] : {std::array{22, 16}, std::array{6, 96}}) {
    const Shape whole = {1, size, size, channels}, vector = {1, 1, 1, channels};
    net.add(whole, whole, sum);
    net.add(whole, whole, product);
    net.add(whole, vector, product);
    net.add(whole, whole, maximum);
    net.add(whole, [](GraphBuilder& b, TensorId x) { return b.unary(OpKind::Logistic, x); });
    net.add(whole, [](GraphBuilder& b, TensorId x) { return b.unary(OpKind::HardSwish, x); });
  }
  net.add({1, 12, 12, 16}, {1, 1, 1, 1}, product);
  return net;
}

Network reduction() {
  Network net("reduction");
  for (const auto& [size, channels] : {std::array{8, 64}, std::array{24, 16}}) {
    const Shape image = {1, size, size, channels};
    for (const auto& [kernel, stride] : {std::array{2, 2}, std::array{3, 1}, std::array{3, 2}}) {
      const Window window = Window::square(kernel, stride);
      net.add(image, [&](GraphBuilder& b, TensorId x) { return b.average_pool(x, window); });
      net.add(image, [&](GraphBuilder& b, TensorId x) { return b.max_pool(x, window); });
    }
    net.add(image, [size = size](GraphBuilder& b, TensorId x) {
      return b.average_pool(
          x, Window::square(size, size, Activation::None, PaddingMode::Valid));  // global
    });
    net.add(image, [](GraphBuilder& b, TensorId x) { return b.mean(x, {1, 2}); });
  }
  for (const int32_t classes : {2, 10, 100, 1000}) {
    net.add({1, classes}, [](GraphBuilder& b, TensorId x) { return b.softmax(x); });
  }
  return net;
}

Network movement() {
  Network net("movement");
  const Shape image = {1, 12, 12, 16};
  net.add(image, [](GraphBuilder& b, TensorId x) { return b.resize(x, 24, 24); });
  net.add(image, [](GraphBuilder& b, TensorId x) { return b.pad(x, {0, 1, 1, 0}, {0, 1, 1, 0}); });
  net.add(image, [](GraphBuilder& b, TensorId x) { return b.transpose(x, {0, 3, 1, 2}); });
  net.add(image, [](GraphBuilder& b, TensorId x) { return b.concat({x, x}, 3); });
  net.add(image, [](GraphBuilder& b, TensorId x) { return b.space_to_depth(x, 2); });
  return net;
}

// "3x3 s2", or nothing for operators without a window.
std::string window_of(const Graph& graph, const Op& op) {
  const auto text = [](int32_t h, int32_t w, int32_t stride) {
    return std::to_string(h) + "x" + std::to_string(w) +
           (stride > 1 ? " s" + std::to_string(stride) : "");
  };
  if (op.kind == OpKind::AveragePool2D || op.kind == OpKind::MaxPool2D) {
    const auto& attrs = op.as<PoolAttrs>();
    return text(attrs.filter_h, attrs.filter_w, attrs.stride_h);
  }
  if (op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D) {
    const Shape& w = graph.input(op, 1).shape;
    return text(w[1], w[2], op.as<ConvAttrs>().stride_h);
  }
  return "";
}

void measure(const Graph& network, const Board& board) {
  compiler::CompileOptions options;
  options.name = "bench";
  options.board = board;
  options.board.sram_bytes = options.board.flash_bytes = int64_t{8} << 20;
  options.schedule = compiler::ScheduleKind::Layer;
  const compiler::CompiledModel model = compiler::compile(network, "", options);
  const FirmwareProgram firmware(model);
  const std::vector<CallCount> counts = firmware.counts_per_layer();
  std::map<size_t, std::string> kernels;
  for (const compiler::KernelCall& call : model.schedule.calls) {
    std::string& names = kernels[call.op];
    if (names.find(call.kernel) == std::string::npos)
      names += (names.empty() ? "" : "+") + call.kernel;
  }
  for (size_t i = 0; i < model.graph.ops.size(); ++i) {
    const Op& op = model.graph.ops[i];
    const Graph& graph = model.graph;
    const int64_t products = macs(graph, op), elements = graph.output(op).elements();
    nlohmann::ordered_json out = {{"kernel", kernels[i]},
                                  {"core", board.core},
                                  {"board", board.name},
                                  {"operator", operator_info(op.kind).name},
                                  {"window", window_of(graph, op)},
                                  {"input", graph.input(op, 0).shape},
                                  {"output", graph.output(op).shape},
                                  {"macs", products},
                                  {"elements", elements},
                                  {"instructions", counts[i].instructions},
                                  {"cycles", counts[i].cycles}};
    const auto cycles = static_cast<double>(counts[i].cycles);
    if (products > 0) out["cycles_per_mac"] = cycles / static_cast<double>(products);
    out["cycles_per_element"] = cycles / static_cast<double>(elements);
    std::cout << out.dump() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> boards(argv + 1, argv + argc);
    if (boards.empty()) boards = {"stm32f746", "stm32f412"};
    for (const std::string& board : boards) {
      for (const Network& network :
           {pointwise(false), pointwise(true), convolution(), depthwise(), dense(false),
            dense(true), elementwise(), reduction(), movement()}) {
        measure(network.build(), find_board(board));
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "mcunet_kernel_bench: " << error.what() << "\n";
    return 1;
  }
}
