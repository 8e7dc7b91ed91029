#include "quant/torch/augment.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace mcunet::quant {
namespace {

constexpr int32_t kSmallestImage = 16;
constexpr float kShift = 0.09F;  // of the extent
constexpr float kColor = 0.1F;   // of contrast, and of half the range of values

// -1 → 1, -2 → 2 …, extent → extent - 2 …
int32_t reflected(int32_t position, int32_t extent) {
  if (position < 0) return -position;
  return position < extent ? position : 2 * extent - 2 - position;
}

std::vector<float> floats(const std::vector<uint8_t>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace

Augmenter::Augmenter(const Graph& graph, const Calibration& calibration) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Shape& shape = graph.tensor(graph.inputs[i]).shape;
    const bool image = shape.size() == 4 && shape[0] == 1 && shape[1] >= kSmallestImage &&
                       shape[2] >= kSmallestImage && (shape[3] == 1 || shape[3] == 3);
    Input input{shape, image, std::numeric_limits<float>::max(),
                std::numeric_limits<float>::lowest()};
    for (const Calibration::Sample& sample : calibration.samples) {
      for (const float value : floats(sample.at(i))) {
        input.low = std::min(input.low, value);
        input.high = std::max(input.high, value);
      }
    }
    inputs_.push_back(std::move(input));
  }
}

std::vector<std::vector<float>> Augmenter::operator()(const Calibration::Sample& sample,
                                                      SplitMix64& random) const {
  std::vector<std::vector<float>> result;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    std::vector<float> from = floats(sample.at(i));
    if (!input.image) {
      result.push_back(std::move(from));
      continue;
    }
    const int32_t height = input.shape[1], width = input.shape[2], depth = input.shape[3];
    const auto reach = [](int32_t extent) {
      return std::max<int64_t>(1, static_cast<int64_t>(kShift * static_cast<float>(extent)));
    };
    const auto down = static_cast<int32_t>(random.between(-reach(height), reach(height)));
    const auto right = static_cast<int32_t>(random.between(-reach(width), reach(width)));
    const bool mirror = random.chance(0.5);
    const float contrast = 1 + random.uniform(-kColor, kColor);
    const float mean = static_cast<float>(std::accumulate(from.begin(), from.end(), 0.0) /
                                          static_cast<double>(from.size()));
    const float offset =
        mean - contrast * mean + random.uniform(-kColor, kColor) * (input.high - input.low) / 2;
    std::vector<float> to(from.size());
    float* out = to.data();
    for (int32_t y = 0; y < height; ++y) {
      const int32_t row = reflected(y + down, height);
      for (int32_t x = 0; x < width; ++x) {
        const int32_t column = reflected((mirror ? width - 1 - x : x) + right, width);
        const float* pixel =
            from.data() + (int64_t{row} * width + column) * static_cast<int64_t>(depth);
        for (int32_t c = 0; c < depth; ++c)
          *out++ = std::clamp(contrast * pixel[c] + offset, input.low, input.high);
      }
    }
    result.push_back(std::move(to));
  }
  return result;
}

}  // namespace mcunet::quant
