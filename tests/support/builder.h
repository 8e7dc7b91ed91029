// Composes int8 graphs with random weights and scales like those of trained networks: every
// output's scale follows from the weights and from what the input looks like, so that outputs use
// the range of int8 instead of saturating.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/support/random.h"

namespace mcunet::testing {

// What the real values of an activation look like.
struct Spread {
  double mean = 0, deviation = 1;
};

enum class PaddingMode { Same, Valid, Explicit };

// The geometry of convolutions and pools.
struct Window {
  int32_t kernel_h = 3, kernel_w = 3;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  PaddingMode mode = PaddingMode::Same;
  SpatialPadding padding;  // when the mode is Explicit
  Activation activation = Activation::None;

  static Window square(int32_t kernel, int32_t stride = 1, Activation activation = Activation::None,
                       PaddingMode mode = PaddingMode::Same);
};

// How weights are made. `negative` and `tiny` are probabilities per channel: scales below zero
// occur in published files, and scales so small that the channel is its bias alone.
struct WeightStyle {
  bool per_channel = true;
  bool bias = true;
  double negative = 0, tiny = 0;
  double int4 = 0;  // probability per operator: weights of 4 bits, the lowest value included
};

// Every method appends one operator and returns its output. Shapes and attributes that do not fit
// are programming errors (std::logic_error). CONCATENATION, PACK, MINIMUM and MAXIMUM need equal
// quantization: a QUANTIZE is put before inputs that differ, as converters do.
class GraphBuilder {
 public:
  GraphBuilder(std::string name, uint64_t seed);

  WeightStyle weights;       // for the operators to come
  double extreme_zeros = 0;  // probability that an output's zero point is -128 or 127

  TensorId input(const Shape& shape, float scale = 1.0f / 64, int32_t zero_point = 0,
                 DType dtype = DType::Int8);
  TensorId float_input(const Shape& shape);  // values in [-1, 1)
  TensorId constant(const Shape& shape, float scale = 1.0f / 64, int32_t zero_point = 0);

  TensorId conv(TensorId x, int32_t out_channels, const Window& window, int32_t groups = 1);
  TensorId depthwise(TensorId x, int32_t multiplier, const Window& window);
  TensorId fully_connected(TensorId x, int32_t outputs, Activation activation = Activation::None,
                           bool keep_num_dims = false);

  TensorId add(TensorId a, TensorId b, Activation activation = Activation::None);
  TensorId sub(TensorId a, TensorId b, Activation activation = Activation::None);
  TensorId mul(TensorId a, TensorId b, Activation activation = Activation::None);
  TensorId minimum(TensorId a, TensorId b);
  TensorId maximum(TensorId a, TensorId b);

  TensorId average_pool(TensorId x, const Window& window);
  TensorId max_pool(TensorId x, const Window& window);
  TensorId mean(TensorId x, const std::vector<int32_t>& axes, bool keep_dims = false);
  TensorId softmax(TensorId x, float beta = 1.0f);

  // Logistic, Tanh, Relu, Relu6, ReluN1To1, HardSwish, Elu, Abs. `keep_scale`: a RELU keeps its
  // input's quantization, so that it can be fused.
  TensorId unary(OpKind kind, TensorId x, bool keep_scale = true);
  TensorId leaky_relu(TensorId x, float alpha);

  TensorId pad(TensorId x, const std::vector<int32_t>& before, const std::vector<int32_t>& after,
               std::optional<int8_t> value = std::nullopt);
  TensorId reshape(TensorId x, const Shape& shape);
  TensorId transpose(TensorId x, const std::vector<int32_t>& permutation);
  TensorId concat(std::vector<TensorId> inputs, int32_t axis);
  std::vector<TensorId> split(TensorId x, int32_t axis, const std::vector<int32_t>& sizes);
  TensorId strided_slice(TensorId x, const std::vector<int32_t>& begin,
                         const std::vector<int32_t>& stride, const std::vector<int32_t>& size);
  TensorId pack(std::vector<TensorId> inputs, int32_t axis);
  std::vector<TensorId> unpack(TensorId x, int32_t axis);
  TensorId depth_to_space(TensorId x, int32_t block);
  TensorId space_to_depth(TensorId x, int32_t block);
  TensorId resize(TensorId x, int32_t height, int32_t width, bool align_corners = false,
                  bool half_pixel_centers = false);

  TensorId quantize(TensorId x, DType dtype, float scale, int32_t zero_point);
  TensorId quantize(TensorId x);  // of float32, to int8 that fits
  TensorId dequantize(TensorId x);

  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
  const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
  const Graph& graph() const { return graph_; }  // as far as it is built, without outputs
  SplitMix64& random() { return random_; }

  // The validated graph. The builder may go on afterwards.
  Graph build(const std::vector<TensorId>& outputs) const;

 private:
  std::vector<TensorId> append(OpKind kind, const std::vector<TensorId>& inputs, OpAttrs attrs,
                               std::vector<Tensor> outputs);
  TensorId append_one(OpKind kind, const std::vector<TensorId>& inputs, OpAttrs attrs,
                      const Quantization& quantization, const Spread& spread,
                      const Shape& shape = {});
  TensorId weighted(OpKind kind, TensorId x, const Shape& weight_shape, int channel_axis,
                    OpAttrs attrs, Activation activation);
  TensorId binary(OpKind kind, TensorId a, TensorId b, Activation activation);
  TensorId extremum(OpKind kind, TensorId a, TensorId b);
  TensorId pool(OpKind kind, TensorId x, const Window& window);
  TensorId like(OpKind kind, TensorId x, OpAttrs attrs, const Shape& shape = {});
  std::vector<TensorId> rescaled_alike(std::vector<TensorId> inputs);
  Quantization quantization_for(const Spread& spread, Activation activation);
  Spread spread_of(TensorId id) const { return spreads_.at(id); }

  Graph graph_;
  SplitMix64 random_;
  std::map<TensorId, Spread> spreads_;
};

}  // namespace mcunet::testing
