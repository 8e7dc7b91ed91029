#include "quant/weights.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/support/error.h"
#include "quant/channels.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

// Beside the sums of products, which stay below 2^30 up to a depth of 32,000, biases up to 2^29
// leave room in the int32 accumulator.
constexpr double kLargestBias = 1 << 29;

// A layer whose weights vanish still needs a scale: its products with input scales are biases'
// scales and must be normal float32 numbers.
constexpr double kLeastScale = 1e-20;

// The least scale of weights at which a bias is small enough.
double scale_for_bias(float bias, float input_scale) {
  return std::fabs(static_cast<double>(bias)) / (static_cast<double>(input_scale) * kLargestBias);
}

double squared_error(const std::vector<float>& weights, double scale, WeightRange range) {
  double error = 0;
  for (const float weight : weights) {
    const double level = std::clamp(std::round(static_cast<double>(weight) / scale),
                                    static_cast<double>(range.min), static_cast<double>(range.max));
    const double difference = static_cast<double>(weight) - level * scale;
    error += difference * difference;
  }
  return error;
}

double least_error_scale(const std::vector<float>& weights, double largest_scale,
                         WeightRange range) {
  constexpr int kSteps = 100;
  constexpr double kSmallestShare = 0.4;
  double best = largest_scale, least = squared_error(weights, largest_scale, range);
  for (int i = 1; i <= kSteps; ++i) {
    const double scale = largest_scale * (1 - (1 - kSmallestShare) * i / kSteps);
    const double error = squared_error(weights, scale, range);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

LayerEncoding encode_weights(const Graph& graph, const Op& op, DType dtype, WeightScale method,
                             float input_scale) {
  const Tensor& tensor = graph.input(op, 1);
  const auto* weights = tensor.constant<float>();
  const auto* bias = graph.input(op, 2).constant<float>();
  const WeightRange range = weight_range(dtype);
  const size_t channels = output_channels(graph, op);

  std::vector<std::vector<float>> rows(channels);
  for_each_weight(graph, op,
                  [&](size_t i, size_t out, size_t) { rows[out].push_back(weights[i]); });
  LayerEncoding encoding;
  encoding.dtype = dtype;
  encoding.bias.assign(bias, bias + channels);
  std::vector<double> scales(channels);
  for (size_t c = 0; c < channels; ++c) {
    float largest = 0;
    for (const float weight : rows[c]) {
      if (!std::isfinite(weight)) {
        throw Error(ErrorKind::Input, describe(op) + ": weights of output channel " +
                                          std::to_string(c) + " hold NaN or infinity");
      }
      largest = std::max(largest, std::fabs(weight));
    }
    double scale = static_cast<double>(largest) / range.max;
    if (largest > 0 && method == WeightScale::Mse) scale = least_error_scale(rows[c], scale, range);
    scales[c] = std::max({scale, scale_for_bias(bias[c], input_scale), kLeastScale});
    encoding.scales.push_back(static_cast<float>(scales[c]));
  }
  encoding.weights.resize(static_cast<size_t>(tensor.elements()));
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    const double level =
        std::round(static_cast<double>(weights[i]) / static_cast<double>(encoding.scales[out]));
    encoding.weights[i] = static_cast<int8_t>(
        std::clamp(level, static_cast<double>(range.min), static_cast<double>(range.max)));
  });
  return encoding;
}

LayerEncoding with_room_for_biases(const Graph& graph, const Op& op, LayerEncoding layer,
                                   float input_scale) {
  std::vector<double> factors(layer.scales.size(), 1.0);
  for (size_t c = 0; c < factors.size(); ++c) {
    const double least = scale_for_bias(layer.bias[c], input_scale);
    if (static_cast<double>(layer.scales[c]) >= least) continue;
    factors[c] = static_cast<double>(layer.scales[c]) / least;
    layer.scales[c] = static_cast<float>(least);
  }
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    layer.weights[i] =
        static_cast<int8_t>(std::round(static_cast<double>(layer.weights[i]) * factors[out]));
  });
  return layer;
}

Encodings with_room_for_biases(const Graph& graph, Encodings encodings) {
  for (auto& [index, layer] : encodings.layers) {
    const Op& op = graph.ops[index];
    const float input_scale = encodings.activations.at(static_cast<size_t>(op.inputs[0])).scale();
    layer = with_room_for_biases(graph, op, std::move(layer), input_scale);
  }
  return encodings;
}

std::map<size_t, LayerEncoding> encode_all_weights(const Graph& graph,
                                                   const std::vector<Quantization>& activations,
                                                   const std::map<size_t, DType>& dtypes,
                                                   WeightScale method) {
  std::map<size_t, LayerEncoding> layers;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    if (!is_weighted(op.kind)) continue;
    const auto dtype = dtypes.find(i);
    layers[i] = encode_weights(graph, op, dtype == dtypes.end() ? DType::Int8 : dtype->second,
                               method, activations.at(static_cast<size_t>(op.inputs[0])).scale());
  }
  return layers;
}

}  // namespace mcunet::quant
