// The one place where networks of frameworks that think in NCHW become graphs: each method takes an
// operator in the framework's terms and appends what it means in NHWC. Used by the ONNX and the
// TorchScript importer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/import/value.h"

namespace mcunet::import {

struct ConvGeometry {
  std::array<int64_t, 2> stride = {1, 1}, dilation = {1, 1};  // rows, columns
  std::array<int64_t, 4> padding = {0, 0, 0, 0};              // top, left, bottom, right
  int64_t groups = 1;
};

struct PoolGeometry {
  std::array<int64_t, 2> kernel = {1, 1}, stride = {1, 1};
  std::array<int64_t, 4> padding = {0, 0, 0, 0};  // top, left, bottom, right
  bool ceil_mode = false;
  bool count_padding = false;  // average pooling: padded zeros count
};

// The source row or column of each of `out` ones.
using NearestIndex = std::vector<int32_t>;

// Methods throw Error(Unsupported) with the reason alone for what the graph cannot express, and
// Error(Input) for shapes that do not fit; the importer adds the operator's name and goes on.
class Builder {
 public:
  explicit Builder(const std::string& name) { graph_.name = name; }

  // Operators to come carry this number (for messages) and name.
  void at(int32_t index, const std::string& name);

  // `planar`: an image given as [n, c, h, w], which becomes [n, h, w, c].
  TensorView input(const std::string& name, const Shape& shape, bool planar);

  // Weights [co, ci/groups, kh, kw], bias [co].
  TensorView conv(const TensorView& x, const Constant& weights, const Constant* bias,
                  const ConvGeometry& geometry);
  // Along the last dimension; weights [m, k], bias [m].
  TensorView linear(const TensorView& x, const Constant& weights, const Constant* bias);
  // Along dimension 1: (x − mean) / √(variance + eps) · scale + bias.
  TensorView batch_norm(const TensorView& x, const Constant& scale, const Constant& bias,
                        const Constant& mean, const Constant& variance, double eps);

  // Add, Sub, Mul with NumPy's broadcasting. At least one of them is an activation.
  TensorView binary(OpKind kind, const Value& a, const Value& b);
  TensorView divide(const Value& a, const Value& b);

  // Logistic, Tanh, Relu, Relu6, HardSwish, Abs, Elu.
  TensorView unary(OpKind kind, const TensorView& x);
  TensorView leaky_relu(const TensorView& x, double slope);
  TensorView clip(const TensorView& x, double low, double high);
  // min(max(factor · x + offset, 0), 1)
  TensorView hard_sigmoid(const TensorView& x, double factor, double offset);
  TensorView silu(const TensorView& x);  // x · logistic(x)
  TensorView softmax(const TensorView& x, int64_t axis);

  // MaxPool2D or AveragePool2D.
  TensorView pool(OpKind kind, const TensorView& x, const PoolGeometry& geometry);
  TensorView adaptive_average_pool(const TensorView& x, int64_t rows, int64_t columns);
  TensorView mean(const TensorView& x, std::vector<int64_t> axes, bool keep_dims);

  TensorView reshape(const TensorView& x, const std::vector<int64_t>& shape);  // −1 once
  TensorView flatten(const TensorView& x, int64_t first, int64_t last);        // both included
  TensorView permute(const TensorView& x, const std::vector<int64_t>& permutation);
  TensorView concat(const std::vector<TensorView>& parts, int64_t axis);
  // Elements begin, begin + step … of one dimension; ends beyond the extent are cut off.
  TensorView slice(const TensorView& x, int64_t axis, int64_t begin, int64_t end, int64_t step);
  // With zeros; elements before and after each dimension.
  TensorView pad(const TensorView& x, const std::vector<int64_t>& before,
                 const std::vector<int64_t>& after);
  // Nearest neighbour, with the framework's choice of neighbours.
  TensorView resize(const TensorView& x, const NearestIndex& rows, const NearestIndex& columns);

  // Ends the graph: folded (tidy.h) and validated. Images stay NHWC, other outputs lie in the
  // framework's order of dimensions. The builder is used up.
  Graph finish(const std::vector<std::pair<std::string, TensorView>>& outputs);

 private:
  TensorId emit(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, Shape shape);
  TensorId constant(const char* role, Shape shape, const std::vector<double>& values);
  const Shape& stored(const TensorView& x) const { return graph_.tensor(x.id).shape; }

  // A new tensor in the layout of `x`.
  static TensorView like(const TensorView& x, TensorId id);
  // Without a pending reshape, in any order.
  TensorView plain(const TensorView& x);
  // Without a pending reshape, in this order.
  TensorView ordered(const TensorView& x, const std::vector<int>& order);
  TensorView image(const TensorView& x, const char* what);
  TensorId reshaped_tensor(TensorId id, Shape shape);

  TensorView binary_constant(OpKind kind, const TensorView& x, const Constant& constant);
  TensorView scaled(const TensorView& x, double factor);
  TensorView shifted(const TensorView& x, double offset);
  TensorView flat_linear(const TensorView& x, std::vector<double>& weights, size_t outputs);
  TensorView window(OpKind kind, const TensorView& x, const PoolGeometry& geometry);

  Graph graph_;
  int32_t index_ = 0;
  std::string name_;
};

// `axis` of a tensor with this rank, counted from 0; negative ones count from the end. Throws
// Error(Input) when it lies outside.
int normalized_axis(int64_t axis, size_t rank);

[[noreturn]] void unsupported(const std::string& reason);
[[noreturn]] void unsound(const std::string& reason);

}  // namespace mcunet::import
