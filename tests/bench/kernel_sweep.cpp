#include "tests/bench/kernel_sweep.h"

#include <functional>

#include "tests/support/builder.h"

namespace mcunet::testing {
namespace {

// A graph that is built operator by operator; each has an input of its own.
class Sweep {
 public:
  Sweep(std::vector<Graph>& graphs, const std::string& name)
      : graphs_(graphs), name_(name), builder_(name, graphs.size() + 1) {}
  ~Sweep() { flush(); }
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  GraphBuilder& builder() { return builder_; }
  void add(TensorId output) {
    outputs_.push_back(output);
    if (outputs_.size() == kMostOps) flush();
  }
  void add(const Shape& shape, const std::function<TensorId(GraphBuilder&, TensorId)>& op) {
    add(op(builder_, builder_.input(shape)));
  }

 private:
  static constexpr size_t kMostOps = 60;  // so that the firmware stays small

  void flush() {
    if (outputs_.empty()) return;
    graphs_.push_back(builder_.build(outputs_));
    outputs_.clear();
    builder_ = GraphBuilder(name_, graphs_.size() + 1);
  }

  std::vector<Graph>& graphs_;
  std::string name_;
  GraphBuilder builder_;
  std::vector<TensorId> outputs_;
};

// Every other operator is followed by RELU6, as in most networks: kernels have shorter code for it.
Window sometimes_rectified(int32_t kernel, int32_t stride, bool rectified) {
  return Window::square(kernel, stride, rectified ? Activation::Relu6 : Activation::None);
}

// The scale of the output so small that sums need a large left shift: the kernels that prove
// their sums bounded cannot take it.
Graph unbounded(Graph graph) {
  for (const Op& op : graph.ops) {
    for (const TensorId id : op.outputs)
      graph.tensor(id).quantization.scales[0] *= 1.0F / (1 << 24);
  }
  return graph;
}

void pointwise(std::vector<Graph>& graphs, bool int4) {
  Sweep sweep(graphs, int4 ? "pointwise int4" : "pointwise");
  const int32_t channels[][2] = {{8, 24},  {16, 8},   {16, 80},  {24, 120}, {40, 240}, {80, 16},
                                 {96, 33}, {120, 24}, {160, 31}, {240, 40}, {480, 96}, {5, 12}};
  for (const auto& [in, out] : channels) {
    for (const int32_t pixels : {1, 2, 3, 4, 5, 11, 22, 88}) {
      sweep.add({1, 1, pixels, in}, [&, out = out](GraphBuilder& b, TensorId x) {
        b.weights.int4 = int4 ? 1 : 0;
        return b.conv(x, out, sometimes_rectified(1, 1, pixels % 3 == 2 || in % 3 == 0));
      });
    }
  }
}

void convolutions(std::vector<Graph>& graphs) {
  Sweep sweep(graphs, "convolutions");
  struct Shape3 {
    int32_t kernel, stride, in, out;
  };
  for (const auto& [k, s, in, out] :
       {Shape3{3, 2, 3, 8}, Shape3{3, 2, 3, 16}, Shape3{3, 2, 3, 32}, Shape3{3, 1, 1, 8},
        Shape3{3, 1, 16, 16}, Shape3{3, 2, 16, 32}, Shape3{3, 1, 64, 64}, Shape3{1, 2, 16, 32},
        Shape3{1, 2, 32, 64}, Shape3{5, 2, 3, 16}, Shape3{7, 2, 3, 8}, Shape3{5, 1, 1, 16},
        Shape3{3, 1, 10, 7}}) {
    for (const int32_t width : {5, 11, 20, 44}) {
      if (width * in > 1400) continue;
      sweep.add({1, 8, width * s, in}, [&, k = k, s = s, out = out](GraphBuilder& b, TensorId x) {
        return b.conv(x, out, sometimes_rectified(k, s, width % 4 == 0));
      });
    }
  }
}

void depthwise(std::vector<Graph>& graphs) {
  Sweep sweep(graphs, "depthwise");
  for (const int32_t k : {3, 5, 7}) {
    for (const int32_t stride : {1, 2}) {
      for (const int32_t width : {3, 5, 6, 7, 10, 11, 14, 20, 22, 28, 44, 56, 88}) {
        for (const int32_t channels : {8, 24, 90}) {
          if (width * channels > 2000 && channels > 8) continue;
          sweep.add({1, 6 * stride, width * stride, channels}, [&](GraphBuilder& b, TensorId x) {
            return b.depthwise(x, 1, sometimes_rectified(k, stride, (width + channels) % 3 != 0));
          });
        }
      }
    }
  }
  for (const int32_t width : {5, 11, 24, 48}) {
    for (const auto& [in, multiplier] : {std::pair{1, 8}, {4, 2}, {12, 1}}) {
      for (const int32_t k : {2, 4}) {
        sweep.add({1, 8, width, in}, [&, multiplier = multiplier](GraphBuilder& b, TensorId x) {
          return b.depthwise(x, multiplier, Window::square(k));
        });
      }
    }
    sweep.add({1, 8, width * 2, 1},
              [&](GraphBuilder& b, TensorId x) { return b.depthwise(x, 8, Window::square(3, 2)); });
  }
}

void dense(std::vector<Graph>& graphs, bool int4) {
  Sweep sweep(graphs, int4 ? "dense int4" : "dense");
  for (const int32_t in : {12, 64, 128, 250, 640}) {
    for (const int32_t out : {2, 8, 33, 128}) {
      for (const int32_t rows : {1, 2}) {
        for (const bool per_channel : {false, true}) {
          sweep.add({rows, in}, [&, out](GraphBuilder& b, TensorId x) {
            b.weights.per_channel = per_channel;
            b.weights.int4 = int4 ? 1 : 0;
            return b.fully_connected(x, out);
          });
        }
      }
    }
  }
}

void elementwise(std::vector<Graph>& graphs) {
  Sweep sweep(graphs, "elementwise");
  GraphBuilder& b = sweep.builder();
  for (const int32_t side : {1, 3, 6, 11, 22}) {
    for (const int32_t channels : {16, 40, 96}) {
      const Shape shape = {1, side, side, channels};
      sweep.add(b.add(b.input(shape), b.input(shape, 1.0F / 50)));
      sweep.add(b.mul(b.input(shape), b.input({1, 1, 1, channels})));
      sweep.add(b.minimum(b.input(shape), b.input(shape)));
    }
  }
}

void reductions(std::vector<Graph>& graphs) {
  Sweep sweep(graphs, "reductions");
  for (const int32_t side : {2, 3, 6, 12, 22}) {
    for (const int32_t channels : {16, 40, 96}) {
      const Shape shape = {1, side, side, channels};
      sweep.add(shape, [&](GraphBuilder& b, TensorId x) {
        return b.average_pool(x, Window::square(side, 1, Activation::None, PaddingMode::Valid));
      });
      sweep.add(shape, [&](GraphBuilder& b, TensorId x) {
        return b.average_pool(x, Window::square(2, 2));
      });
      sweep.add(shape,
                [&](GraphBuilder& b, TensorId x) { return b.max_pool(x, Window::square(2, 2)); });
      sweep.add(shape, [&](GraphBuilder& b, TensorId x) { return b.mean(x, {1, 2}); });
    }
  }
}

void movement(std::vector<Graph>& graphs) {
  Sweep sweep(graphs, "movement");
  GraphBuilder& b = sweep.builder();
  for (const int32_t side : {2, 6, 12, 22}) {
    for (const int32_t channels : {8, 24, 64}) {
      const Shape shape = {1, side, side, channels};
      sweep.add(b.unary(OpKind::Logistic, b.input(shape)));
      sweep.add(b.pad(b.input(shape), {0, 1, 1, 0}, {0, 1, 1, 0}));
      sweep.add(b.softmax(b.input({1, side * channels})));
      sweep.add(b.resize(b.input(shape), 2 * side, 2 * side));
      sweep.add(b.strided_slice(b.input(shape), {0, 0, 0, 0}, {1, 1, 2, 1},
                                {1, side, side / 2, channels}));
    }
  }
}

// Ends of networks, where means take in one row after the other.
std::vector<SweepGraph> row_by_row() {
  std::vector<SweepGraph> graphs;
  for (const int32_t side : {4, 7, 12, 24}) {
    for (const bool pool : {false, true}) {
      GraphBuilder b("row by row", static_cast<uint64_t>(side));
      const TensorId x = b.depthwise(b.input({1, side, side, 48}), 1, Window::square(3));
      const TensorId y =
          pool ? b.average_pool(x, Window::square(side, 1, Activation::None, PaddingMode::Valid))
               : b.mean(x, {1, 2}, true);
      graphs.push_back({b.build({y}), true, false});
    }
  }
  return graphs;
}

// Values that are converted where they enter and leave.
SweepGraph float_edges() {
  GraphBuilder b("float edges", 1);
  std::vector<TensorId> outputs;
  for (const int32_t count : {10, 100, 1000, 5000})
    outputs.push_back(b.unary(OpKind::Logistic, b.input({1, count})));
  return {b.build(outputs), false, true};
}

}  // namespace

std::vector<SweepGraph> kernel_sweep() {
  std::vector<Graph> graphs;
  pointwise(graphs, false);
  convolutions(graphs);
  const size_t bounded = graphs.size();
  for (size_t i = 0; i < bounded; ++i) graphs.push_back(unbounded(graphs[i]));
  depthwise(graphs);
  pointwise(graphs, true);
  dense(graphs, false);
  dense(graphs, true);
  elementwise(graphs);
  reductions(graphs);
  movement(graphs);
  std::vector<SweepGraph> sweep = row_by_row();
  sweep.push_back(float_edges());
  for (Graph& graph : graphs) sweep.push_back({std::move(graph)});
  return sweep;
}

}  // namespace mcunet::testing
