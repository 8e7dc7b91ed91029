#include "libmcunet/reference/params.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::reference {

int32_t output_channels(const Graph& graph, const Op& op) {
  return graph.input(op, 1).shape.at(op.kind == OpKind::DepthwiseConv2D ? 3 : 0);
}

ConvParams conv_params(const Graph& graph, const Op& op) {
  const Quantization& x = graph.input(op, 0).quantization;
  const Quantization& w = graph.input(op, 1).quantization;
  const Quantization& y = graph.output(op).quantization;
  if (w.empty()) throw Error(ErrorKind::Unsupported, "weights without scales");

  const bool fully_connected = op.kind == OpKind::FullyConnected;
  const Activation activation =
      fully_connected ? op.as<FullyConnectedAttrs>().activation : op.as<ConvAttrs>().activation;

  ConvParams params;
  params.input_zero_point = x.zero_point();
  params.output_zero_point = y.zero_point();
  params.clamp = activation_range(activation, y.scale(), y.zero_point());
  const auto channels = static_cast<size_t>(output_channels(graph, op));
  for (size_t c = 0; c < channels; ++c) {
    const float weight_scale = w.per_axis() ? w.scales[c] : w.scale();
    // The reference multiplies in float32 for a fully connected layer with one weight scale, else
    // in double.
    const double product = fully_connected && !w.per_axis()
                               ? static_cast<double>(x.scale() * weight_scale)
                               : static_cast<double>(x.scale()) * static_cast<double>(weight_scale);
    params.requantize.push_back(quantize_multiplier(product / static_cast<double>(y.scale())));
  }
  return params;
}

std::vector<int8_t> weight_values(const Tensor& weights) {
  const auto count = static_cast<size_t>(weights.elements());
  std::vector<int8_t> values(count);
  if (weights.dtype == DType::Int8) {
    std::copy_n(weights.constant<int8_t>(), count, values.begin());
    return values;
  }
  if (weights.dtype != DType::Int4) {
    throw Error(ErrorKind::Unsupported, std::string("weights of ") + dtype_name(weights.dtype) +
                                            "; int8 and int4 are supported");
  }
  const uint8_t* packed = weights.constant<uint8_t>();
  for (size_t i = 0; i < count; ++i) {
    const int nibble =
        (packed[i / 2] >> (i % 2 == 0 ? 0 : 4)) & 15;  // low nibble first, rows not aligned
    values[i] = static_cast<int8_t>(nibble >= 8 ? nibble - 16 : nibble);
  }
  return values;
}

std::vector<int32_t> bias_values(const Graph& graph, const Op& op) {
  const auto channels = static_cast<size_t>(output_channels(graph, op));
  if (!graph.has_input(op, 2)) return std::vector<int32_t>(channels, 0);
  const int32_t* bias = graph.input(op, 2).constant<int32_t>();
  return {bias, bias + channels};
}

AddParams add_params(const Graph& graph, const Op& op) {
  const Quantization& a = graph.input(op, 0).quantization;
  const Quantization& b = graph.input(op, 1).quantization;
  const Quantization& y = graph.output(op).quantization;
  AddParams params;
  // Both inputs are brought to a common scale, twice the larger one, so that their sum cannot
  // overflow.
  const double common = 2 * static_cast<double>(std::max(a.scale(), b.scale()));
  params.input1 = quantize_multiplier(static_cast<double>(a.scale()) / common);
  params.input2 = quantize_multiplier(static_cast<double>(b.scale()) / common);
  params.output =
      quantize_multiplier(common / ((1 << params.left_shift) * static_cast<double>(y.scale())));
  params.zero_point1 = a.zero_point();
  params.zero_point2 = b.zero_point();
  params.output_zero_point = y.zero_point();
  params.clamp = activation_range(op.as<BinaryAttrs>().activation, y.scale(), y.zero_point());
  params.subtract = op.kind == OpKind::Sub;
  return params;
}

MulParams mul_params(const Graph& graph, const Op& op) {
  const Quantization& a = graph.input(op, 0).quantization;
  const Quantization& b = graph.input(op, 1).quantization;
  const Quantization& y = graph.output(op).quantization;
  MulParams params;
  params.requantize =
      quantize_multiplier(static_cast<double>(a.scale()) * static_cast<double>(b.scale()) /
                          static_cast<double>(y.scale()));
  params.zero_point1 = a.zero_point();
  params.zero_point2 = b.zero_point();
  params.output_zero_point = y.zero_point();
  params.clamp = activation_range(op.as<BinaryAttrs>().activation, y.scale(), y.zero_point());
  return params;
}

void require_same_quantization(const Graph& graph, const Op& op) {
  const Quantization& y = graph.output(op).quantization;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (graph.input(op, i).quantization == y) continue;
    throw Error(
        ErrorKind::Unsupported,
        "input " + std::to_string(i) +
            " and the output have different scales or zero points; put a QUANTIZE before it");
  }
}

QuantizedRange pool_clamp(const Graph& graph, const Op& op) {
  const Quantization& y = graph.output(op).quantization;
  return activation_range(op.as<PoolAttrs>().activation, y.scale(), y.zero_point());
}

MeanParams mean_params(const Graph& graph, const Op& op) {
  const Tensor& x = graph.input(op, 0);
  const Tensor& y = graph.output(op);
  const int64_t elements = x.elements() / y.elements();
  MeanParams params;
  params.elements = static_cast<int32_t>(elements);
  params.input_zero_point = x.quantization.zero_point();
  params.output_zero_point = y.quantization.zero_point();
  params.requantize = quantize_multiplier(static_cast<double>(x.quantization.scale()) /
                                          static_cast<double>(y.quantization.scale()));
  // The division by the count goes into the multiplier, which is widened first as far as it stays a
  // valid one.
  int log2 = 0;
  while ((elements >> (log2 + 1)) != 0) ++log2;
  const int widen = std::min({log2, 32, 31 + params.requantize.shift});
  params.requantize.multiplier = static_cast<int32_t>(int64_t{params.requantize.multiplier} *
                                                      (int64_t{1} << widen) / elements);
  params.requantize.shift -= widen;
  return params;
}

SoftmaxParams softmax_params(const Graph& graph, const Op& op) {
  constexpr int kDiffIntegerBits = 5;
  const Quantization& y = graph.output(op).quantization;
  if (y.zero_point() != -128 || y.scale() != 1.0f / 256) {
    throw Error(ErrorKind::Unsupported,
                "the output must have the scale 1/256 and the zero point -128");
  }
  const double beta = static_cast<double>(op.as<SoftmaxAttrs>().beta);
  const double scale = static_cast<double>(graph.input(op, 0).quantization.scale());
  const double factor = std::min(beta * scale * (1 << (31 - kDiffIntegerBits)), 2147483647.0);
  if (!(factor > 1)) {
    throw Error(ErrorKind::Unsupported, "beta times the input's scale is too small or negative");
  }
  SoftmaxParams params;
  params.input = quantize_multiplier(factor);
  params.diff_min = -input_radius(kDiffIntegerBits, params.input.shift);
  return params;
}

std::array<int32_t, 256> softmax_exp_table(const SoftmaxParams& params) {
  std::array<int32_t, 256> table{};
  for (int32_t i = 0; i < 256; ++i) {
    if (-i < params.diff_min) break;
    table[static_cast<size_t>(i)] =
        exp_on_negative_values(multiply_by_quantized_multiplier(-i, params.input), 5);
  }
  return table;
}

}  // namespace mcunet::reference
