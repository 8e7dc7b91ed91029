#include "quant/reconstruct.h"

#include <cmath>

#include "libmcunet/support/error.h"

namespace mcunet::quant {
namespace {

void check_layer(const LayerEncoding& before, const LayerEncoding& after, const std::string& place,
                 std::vector<std::string>& problems) {
  if (after.dtype != before.dtype || after.weights.size() != before.weights.size() ||
      after.scales.size() != before.scales.size() || after.bias.size() != before.bias.size()) {
    problems.push_back(place + " has another form");
    return;
  }
  const WeightRange range = weight_range(after.dtype);
  for (const int8_t weight : after.weights) {
    if (weight >= range.min && weight <= range.max) continue;
    problems.push_back(place + " has the weight " + std::to_string(weight));
    break;
  }
  for (size_t c = 0; c < after.scales.size(); ++c) {
    if (after.scales[c] > 0 && std::isfinite(after.scales[c]) && std::isfinite(after.bias[c]))
      continue;
    problems.push_back(place + " has the scale " + std::to_string(after.scales[c]) +
                       " and the bias " + std::to_string(after.bias[c]) + " for channel " +
                       std::to_string(c));
    break;
  }
}

bool sound(const Quantization& q) {
  return q.scales.size() == 1 && q.zero_points.size() == 1 && std::isfinite(q.scale()) &&
         q.scale() > 0 && q.zero_point() >= -128 && q.zero_point() <= 127;
}

}  // namespace

void check_reconstruction(const ReconstructInput& input, const Encodings& result) {
  std::vector<std::string> problems;
  if (result.activations.size() != input.encodings.activations.size() ||
      result.layers.size() != input.encodings.layers.size()) {
    throw Error(ErrorKind::Internal, "reconstruction changed the number of tensors or layers");
  }
  for (const auto& [index, layer] : input.encodings.layers) {
    const auto after = result.layers.find(index);
    const std::string place = "reconstruction: layer " + std::to_string(index);
    if (after == result.layers.end()) {
      problems.push_back(place + " is missing");
    } else {
      check_layer(layer, after->second, place, problems);
    }
  }
  for (const ScaleGroups::Group& group : input.groups.groups) {
    const Quantization& first = result.activations[static_cast<size_t>(group.tensors.front())];
    for (const TensorId id : group.tensors) {
      const Quantization& q = result.activations[static_cast<size_t>(id)];
      if (sound(q) && q == first && (group.fixed.empty() || q == group.fixed)) continue;
      problems.push_back("reconstruction: tensor " + std::to_string(id) +
                         " has an encoding that is unsound, not its group's or not the operator's");
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Internal, std::move(problems));
}

}  // namespace mcunet::quant
