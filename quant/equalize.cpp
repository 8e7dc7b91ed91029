#include "quant/equalize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "libmcunet/graph/activation.h"
#include "quant/channels.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

// Factors beyond these would trade one imbalance for another (a channel that is nearly dead on the
// calibration inputs may not be on others).
constexpr float kLargestFactor = 64;

constexpr float kRelu6 = 6;

std::vector<float> floats(const Tensor& tensor) {
  const auto* values = tensor.constant<float>();
  return {values, values + tensor.elements()};
}

void set_floats(Tensor& tensor, const std::vector<float>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  tensor.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

// The operator that alone reads the output of `first`, if its weights can take factors back.
std::optional<size_t> partner(const Graph& graph, size_t first,
                              const std::vector<std::vector<int>>& readers) {
  const Op& op = graph.ops[first];
  const TensorId between = op.outputs[0];
  const Activation activation = fused_activation(op);
  if (!is_weighted(op.kind) || activation == Activation::ReluN1To1) return std::nullopt;
  const std::vector<int>& who = readers[static_cast<size_t>(between)];
  if (who.size() != 1 || is_graph_output(graph, between)) return std::nullopt;
  const auto second = static_cast<size_t>(who[0]);
  const Op& next = graph.ops[second];
  if (!is_weighted(next.kind) || next.inputs[0] != between) return std::nullopt;
  // A fully connected layer may read an image as one long row, where channels come again and again.
  if (next.kind == OpKind::FullyConnected &&
      graph.tensor(between).shape.back() != graph.input(next, 1).shape[1])
    return std::nullopt;
  return second;
}

// Largest magnitude of the weights that read each input channel, relative to the largest of the
// same output channel: what matters when every output channel has its own scale.
std::vector<float> column_ranges(const Graph& graph, const Op& op, size_t inputs) {
  const auto* weights = graph.input(op, 1).constant<float>();
  std::vector<float> rows(output_channels(graph, op), 0.0F);
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    rows[out] = std::max(rows[out], std::fabs(weights[i]));
  });
  std::vector<float> columns(inputs, 0.0F);
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t in) {
    if (rows[out] > 0) columns[in] = std::max(columns[in], std::fabs(weights[i]) / rows[out]);
  });
  return columns;
}

std::vector<float> find_factors(const Graph& graph, const Op& first, const Op& second,
                                const TensorStatistics& seen, const EqualizeOptions& options) {
  const size_t channels = seen.channel_max.size();
  const bool relu6 = fused_activation(first) == Activation::Relu6;
  const float limit = kRelu6 * options.headroom;
  std::vector<float> ranges(channels);
  for (size_t c = 0; c < channels; ++c)
    ranges[c] = std::max(std::fabs(seen.channel_min[c]), std::fabs(seen.channel_max[c]));
  const float largest = *std::max_element(ranges.begin(), ranges.end());
  const float target = relu6 ? std::min(largest, limit) : largest;
  // A depthwise convolution scales every channel's weights anyway: its side costs nothing.
  const bool depthwise = second.kind == OpKind::DepthwiseConv2D;
  const float share = depthwise ? 0.0F : options.share;
  const std::vector<float> columns =
      depthwise ? std::vector<float>(channels, 1.0F) : column_ranges(graph, second, channels);
  const float widest = *std::max_element(columns.begin(), columns.end());
  std::vector<float> factors(channels, 1.0F);
  for (size_t c = 0; c < channels; ++c) {
    const bool clipped = relu6 && ranges[c] >= limit;
    if (clipped || ranges[c] <= 0 || columns[c] <= 0 || target <= 0) continue;
    const float factor =
        std::pow(target / ranges[c], 1 - share) * std::pow(columns[c] / widest, share);
    factors[c] = std::clamp(factor, 1 / kLargestFactor, kLargestFactor);
    if (relu6) factors[c] = std::min(factors[c], limit / ranges[c]);
  }
  return factors;
}

void apply(Graph& graph, const Equalized::Pair& pair) {
  const Op& first = graph.ops[pair.first];
  const Op& second = graph.ops[pair.second];
  std::vector<float> weights = floats(graph.input(first, 1));
  for_each_weight(graph, first,
                  [&](size_t i, size_t out, size_t) { weights[i] *= pair.factors[out]; });
  set_floats(graph.tensor(first.inputs[1]), weights);
  std::vector<float> bias = floats(graph.input(first, 2));
  for (size_t c = 0; c < bias.size(); ++c) bias[c] *= pair.factors[c];
  set_floats(graph.tensor(first.inputs[2]), bias);
  weights = floats(graph.input(second, 1));
  for_each_weight(graph, second,
                  [&](size_t i, size_t, size_t in) { weights[i] /= pair.factors[in]; });
  set_floats(graph.tensor(second.inputs[1]), weights);
}

}  // namespace

Equalized equalize(const Graph& graph, const Statistics& statistics,
                   const EqualizeOptions& options) {
  Equalized result{graph, {}};
  const auto readers = consumers(graph);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const std::optional<size_t> next = partner(graph, i, readers);
    if (!next) continue;
    const TensorStatistics& seen =
        statistics.tensors.at(static_cast<size_t>(graph.ops[i].outputs[0]));
    if (seen.count == 0) continue;
    Equalized::Pair pair{i, *next, {}};
    // The weights as earlier pairs have left them.
    pair.factors = find_factors(result.graph, graph.ops[i], graph.ops[*next], seen, options);
    apply(result.graph, pair);
    result.pairs.push_back(std::move(pair));
  }
  return result;
}

}  // namespace mcunet::quant
