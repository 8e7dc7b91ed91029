#include "quant/mixed.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/support/error.h"
#include "libmcunet/support/table.h"
#include "quant/assemble.h"
#include "quant/channels.h"
#include "quant/prepare.h"
#include "quant/report.h"

namespace mcunet::quant {
namespace {

constexpr size_t kSensitivitySamples = 16;

// The layer in Int4, with its mean error taken back by the bias, as bias correction will.
LayerEncoding int4_layer(const Graph& graph, size_t index, const Statistics& statistics,
                         const Encodings& encodings) {
  const Op& op = graph.ops[index];
  const float input_scale = encodings.activations[static_cast<size_t>(op.inputs[0])].scale();
  LayerEncoding layer = encode_weights(graph, op, DType::Int4, WeightScale::Mse, input_scale);
  layer.bias = encodings.layers.at(index).bias;
  const std::vector<double>& means =
      statistics.tensors.at(static_cast<size_t>(op.inputs[0])).channel_mean;
  const auto* weights = graph.input(op, 1).constant<float>();
  std::vector<double> shift(layer.bias.size(), 0.0);
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t in) {
    const double error =
        static_cast<double>(weights[i]) - static_cast<double>(layer.scales[out]) * layer.weights[i];
    if (in < means.size()) shift[out] += error * means[in];
  });
  for (size_t c = 0; c < shift.size(); ++c) layer.bias[c] += static_cast<float>(shift[c]);
  return layer;
}

double noise_share(double sqnr_db) { return std::pow(10.0, -sqnr_db / 10); }

struct Candidate {
  size_t index;
  double noise;     // at the outputs, relative to the signal
  int64_t weights;  // how many
};

}  // namespace

std::vector<size_t> int4_candidates(const Graph& graph) {
  std::vector<size_t> found;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    const bool dense = op.kind == OpKind::FullyConnected;
    const bool conv = op.kind == OpKind::Conv2D;
    if (!dense && !conv) continue;
    const Shape& w = graph.input(op, 1).shape;
    if (dense || (w[1] == 1 && w[2] == 1)) found.push_back(i);
  }
  return found;
}

std::map<size_t, DType> choose_int4_layers(const Graph& float_graph, const Statistics& statistics,
                                           const Encodings& encodings, const Calibration& samples,
                                           int64_t max_flash, const MeasureFlash& measure,
                                           int threads, const ProgressHook& progress) {
  const char* kStage = "measuring sensitivity";
  const int64_t int8_flash = measure(assemble(float_graph, encodings));
  if (int8_flash <= max_flash) return {};

  Calibration few;
  const size_t count = std::min(kSensitivitySamples, samples.samples.size());
  for (size_t i = 0; i < count; ++i)  // spread over the set, which may be in the order of classes
    few.samples.push_back(samples.samples[i * samples.samples.size() / count]);
  const OutputValues wanted = output_values(float_graph, few, threads);
  const double base =
      noise_share(output_sqnr_db(assemble(float_graph, encodings), few, wanted, threads));

  const std::vector<size_t> indices = int4_candidates(float_graph);
  const auto total = static_cast<int64_t>(indices.size());
  std::map<size_t, LayerEncoding> int4;
  std::vector<Candidate> candidates;
  for (const size_t index : indices) {
    if (progress) progress(kStage, static_cast<int64_t>(candidates.size()), total);
    int4[index] = int4_layer(float_graph, index, statistics, encodings);
    Encodings changed = encodings;
    changed.layers[index] = int4[index];
    const double noise =
        noise_share(output_sqnr_db(assemble(float_graph, changed), few, wanted, threads));
    candidates.push_back({index, std::max(noise - base, 0.0),
                          float_graph.input(float_graph.ops[index], 1).elements()});
  }
  if (progress) progress(kStage, total, total);

  const auto flash_with = [&](const std::map<size_t, DType>& chosen) {
    Encodings changed = encodings;
    for (const auto& [index, dtype] : chosen) changed.layers[index] = int4.at(index);
    return measure(assemble(float_graph, changed));
  };
  std::stable_sort(
      candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return a.noise * static_cast<double>(b.weights) < b.noise * static_cast<double>(a.weights);
      });
  // Flash falls with every further layer, up to a kernel's code: a search by halves finds how many.
  const auto first_n = [&](size_t n) {
    std::map<size_t, DType> chosen;
    for (size_t i = 0; i < n; ++i) chosen[candidates[i].index] = DType::Int4;
    return chosen;
  };
  const int64_t least = flash_with(first_n(candidates.size()));
  if (least > max_flash) {
    throw Error(ErrorKind::DoesNotFit, "--max-flash " + format_bytes(max_flash) +
                                           ": the model takes " + format_bytes(int8_flash) +
                                           " with int8 weights and " + format_bytes(least) +
                                           " with all " + std::to_string(candidates.size()) +
                                           " pointwise and dense layers in int4");
  }
  size_t low = 0, high = candidates.size();  // `high` is enough, `low` is not
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (flash_with(first_n(middle)) <= max_flash ? high : low) = middle;
  }
  std::map<size_t, DType> chosen = first_n(high);
  std::stable_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(high),
                   [](const Candidate& a, const Candidate& b) { return a.noise > b.noise; });
  for (size_t i = 0; i < high; ++i) {
    std::map<size_t, DType> fewer = chosen;
    fewer.erase(candidates[i].index);
    if (flash_with(fewer) <= max_flash) chosen = std::move(fewer);
  }
  return chosen;
}

}  // namespace mcunet::quant
