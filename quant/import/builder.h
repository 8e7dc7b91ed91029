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
  Activation input(const std::string& name, const Shape& shape, bool planar);

  // Weights [co, ci/groups, kh, kw], bias [co].
  Activation conv(const Activation& x, const Constant& weights, const Constant* bias,
                  const ConvGeometry& geometry);
  // Along the last dimension; weights [m, k], bias [m].
  Activation linear(const Activation& x, const Constant& weights, const Constant* bias);
  // Along dimension 1: (x − mean) / √(variance + eps) · scale + bias.
  Activation batch_norm(const Activation& x, const Constant& scale, const Constant& bias,
                        const Constant& mean, const Constant& variance, double eps);

  // Add, Sub, Mul with NumPy's broadcasting. At least one of them is an activation.
  Activation binary(OpKind kind, const Value& a, const Value& b);
  Activation divide(const Value& a, const Value& b);

  // Logistic, Tanh, Relu, Relu6, HardSwish, Abs, Elu.
  Activation unary(OpKind kind, const Activation& x);
  Activation leaky_relu(const Activation& x, double slope);
  Activation clip(const Activation& x, double low, double high);
  // min(max(factor · x + offset, 0), 1)
  Activation hard_sigmoid(const Activation& x, double factor, double offset);
  Activation silu(const Activation& x);  // x · logistic(x)
  Activation softmax(const Activation& x, int64_t axis);

  // MaxPool2D or AveragePool2D.
  Activation pool(OpKind kind, const Activation& x, const PoolGeometry& geometry);
  Activation adaptive_average_pool(const Activation& x, int64_t rows, int64_t columns);
  Activation mean(const Activation& x, std::vector<int64_t> axes, bool keep_dims);

  Activation reshape(const Activation& x, const std::vector<int64_t>& shape);  // −1 once
  Activation flatten(const Activation& x, int64_t first, int64_t last);        // both included
  Activation permute(const Activation& x, const std::vector<int64_t>& permutation);
  Activation concat(const std::vector<Activation>& parts, int64_t axis);
  // Elements begin, begin + step … of one dimension; ends beyond the extent are cut off.
  Activation slice(const Activation& x, int64_t axis, int64_t begin, int64_t end, int64_t step);
  // With zeros; elements before and after each dimension.
  Activation pad(const Activation& x, const std::vector<int64_t>& before,
                 const std::vector<int64_t>& after);
  // Nearest neighbour, with the framework's choice of neighbours.
  Activation resize(const Activation& x, const NearestIndex& rows, const NearestIndex& columns);

  // Ends the graph: folded (tidy.h) and validated. Images stay NHWC, other outputs lie in the
  // framework's order of dimensions. The builder is used up.
  Graph finish(const std::vector<std::pair<std::string, Activation>>& outputs);

 private:
  TensorId emit(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, Shape shape);
  TensorId constant(const char* role, Shape shape, const std::vector<double>& values);
  const Shape& stored(const Activation& x) const { return graph_.tensor(x.id).shape; }

  // A new tensor in the layout of `x`.
  static Activation like(const Activation& x, TensorId id);
  // Without a pending reshape, in any order.
  Activation plain(const Activation& x);
  // Without a pending reshape, in this order.
  Activation ordered(const Activation& x, const std::vector<int>& order);
  Activation image(const Activation& x, const char* what);
  TensorId reshaped_tensor(TensorId id, Shape shape);

  Activation binary_constant(OpKind kind, const Activation& x, const Constant& constant);
  Activation scaled(const Activation& x, double factor);
  Activation shifted(const Activation& x, double offset);
  Activation flat_linear(const Activation& x, std::vector<double>& weights, size_t outputs);
  Activation window(OpKind kind, const Activation& x, const PoolGeometry& geometry);

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
