#include "libmcunet/netspec/synthetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mcunet::netspec {
namespace {

// Ranges reach this many deviations: what observers of real activations settle on.
constexpr double kReach = 4;
// Root mean square of whole numbers uniform in [-127, 127].
constexpr double kWeightDeviation = 73.6;
constexpr double kBiasReach = 0.3;

double density(double x) { return std::exp(-x * x / 2) * 0.3989422804014327; }
double distribution(double x) { return 0.5 * std::erfc(-x * 0.7071067811865476); }

// min(max(x, 0), limit) of a normal x with mean 0: integrals of x and x² times the density.
Spread rectified(double deviation, double limit) {
  const double end = limit / deviation;
  const double above = 1 - distribution(end);
  const double mean = deviation * (density(0) - density(end)) + limit * above;
  const double square = deviation * deviation * (distribution(end) - 0.5 - end * density(end)) +
                        limit * limit * above;
  return {mean, std::sqrt(std::max(square - mean * mean, 1e-12))};
}

template <typename T>
ConstantData bytes_of(const std::vector<T>& values) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * sizeof(T));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  return bytes;
}

}  // namespace

Spread after(const Spread& in, ActivationFunction activation) {
  switch (activation) {
    case ActivationFunction::Relu6:
      return rectified(in.deviation, 6);
    case ActivationFunction::Relu:
    case ActivationFunction::HardSwish:  // close enough to a RELU
      return rectified(in.deviation, 8 * in.deviation);
    case ActivationFunction::None:
      break;
  }
  return in;
}

Quantization per_tensor(double scale, int32_t zero_point) {
  return {{static_cast<float>(scale)}, {zero_point}, 0};
}

Quantization quantization_for(const Spread& in, ActivationFunction activation) {
  const double high = kReach * in.deviation;
  switch (activation) {
    case ActivationFunction::Relu6:
      return per_tensor(std::min(high, 6.0) / 255, -128);
    case ActivationFunction::Relu:
      return per_tensor(high / 255, -128);
    case ActivationFunction::HardSwish: {
      constexpr double kLowest = -0.375;  // of x · min(max(x + 3, 0), 6) / 6
      const double scale = (high - kLowest) / 255;
      return per_tensor(scale, static_cast<int32_t>(std::lround(-128 - kLowest / scale)));
    }
    case ActivationFunction::None:
      break;
  }
  return per_tensor(high / 127, 0);
}

Quantization weight_scales(int32_t channels, int64_t taps, const Spread& in, int axis,
                           SplitMix64& random) {
  const double noise =
      kWeightDeviation * std::sqrt(static_cast<double>(taps) * std::max(in.mean_square(), 1e-12));
  const double base = kConvDeviation / noise;
  Quantization q;
  q.axis = axis;
  const auto count = static_cast<size_t>(channels);
  q.scales.resize(count);
  q.zero_points.assign(count, 0);
  // One draw for four channels: a search does this for thousands of networks.
  const auto low = static_cast<float>(base / 2);
  const auto step = static_cast<float>(base / 65536);
  for (size_t i = 0; i < count; i += 4) {
    uint64_t bits = random.next();
    for (size_t k = i; k < std::min(i + 4, count); ++k, bits >>= 16)
      q.scales[k] = low + step * static_cast<float>(bits & 0xFFFF);
  }
  return q;
}

Quantization bias_scales(const Quantization& weights, float input_scale) {
  Quantization q = weights;
  q.axis = 0;
  for (float& scale : q.scales) scale *= input_scale;
  return q;
}

ConstantData random_weights(size_t count, SplitMix64& random) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(count);
  for (size_t i = 0; i < count; i += 8) {
    uint64_t bits = random.next();
    for (size_t k = i; k < std::min(i + 8, count); ++k, bits >>= 8) {
      const auto value = static_cast<uint8_t>(bits);
      (*bytes)[k] = value == 0x80 ? 0x81 : value;  // -128 is no weight
    }
  }
  return bytes;
}

ConstantData random_bias(const Quantization& scales, SplitMix64& random) {
  constexpr double kLargest = 1e8;  // leaves room for the sum of products
  std::vector<int32_t> values;
  values.reserve(scales.scales.size());
  for (const float scale : scales.scales) {
    const double real = kBiasReach * (2 * random.unit() - 1);
    values.push_back(static_cast<int32_t>(
        std::clamp(std::round(real / static_cast<double>(scale)), -kLargest, kLargest)));
  }
  return bytes_of(values);
}

void Placeholders::begin() {
  for (auto& [bytes, shelf] : shelves_) shelf.taken = 0;
}

ConstantData Placeholders::take(size_t bytes) {
  Shelf& shelf = shelves_[bytes];
  if (shelf.taken == shelf.buffers.size()) {
    auto buffer = std::make_shared<std::vector<uint8_t>>(bytes, uint8_t{0});
    const uint32_t tag = static_cast<uint32_t>(shelf.taken) + 1;
    std::memcpy(buffer->data(), &tag, std::min(bytes, sizeof tag));
    shelf.buffers.push_back(std::move(buffer));
  }
  return shelf.buffers[shelf.taken++];
}

}  // namespace mcunet::netspec
