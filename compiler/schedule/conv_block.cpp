#include "compiler/schedule/conv_block.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "compiler/kernels/mcunet_params.h"

namespace mcunet::compiler {
namespace {

constexpr int32_t kLeastZero = -128;
constexpr int kMostRight = 16;  // right shift that every channel may have

// Of the sums of a channel, over all inputs.
struct Bounds {
  int64_t low = 0, high = 0;
  int64_t magnitude() const { return std::max(std::abs(low), std::abs(high)); }
};

// What the checks below look at.
struct Channel {
  int8_t* weights;
  size_t row;
  int32_t& bias;
  reference::QuantizedMultiplier& requantize;
  Bounds sums;
};

// With inputs from -128 to 127. Searches ask this of millions of weights: plain sums of 32 bits are
// what compilers make fast code of.
Bounds bounds_of(const int8_t* weights, size_t row, int32_t bias) {
  constexpr size_t kMost = size_t{1} << 23;  // weights whose sum surely has 32 bits
  Bounds bounds{bias, bias};
  for (size_t begin = 0; begin < row; begin += kMost) {
    int32_t positive = 0, negative = 0;
    for (size_t i = begin; i < std::min(row, begin + kMost); ++i) {
      positive += std::max<int32_t>(weights[i], 0);
      negative += std::min<int32_t>(weights[i], 0);
    }
    bounds.low += int64_t{positive} * -128 + int64_t{negative} * 127;
    bounds.high += int64_t{positive} * 127 + int64_t{negative} * -128;
  }
  return bounds;
}

int32_t output_of(int64_t sum, const reference::QuantizedMultiplier& scale,
                  const ConvChannels& all) {
  const int64_t y =
      int64_t{reference::multiply_by_quantized_multiplier(static_cast<int32_t>(sum), scale)} +
      all.out_zero;
  return static_cast<int32_t>(std::clamp(y, int64_t{all.clamp.min}, int64_t{all.clamp.max}));
}

// Whether outputs rise, or fall, with the sum, which they do as long as nothing wraps around.
bool monotonous(const Channel& channel) {
  return channel.sums.magnitude() >> (31 - std::max(channel.requantize.shift, 0)) == 0;
}

// The output if it is the same for all inputs.
std::optional<int32_t> constant_output(const Channel& channel, const ConvChannels& all) {
  if (!monotonous(channel)) return std::nullopt;
  const int32_t at_low = output_of(channel.sums.low, channel.requantize, all);
  if (at_low != output_of(channel.sums.high, channel.requantize, all)) return std::nullopt;
  return at_low;
}

// Whether two scales give the same outputs for all sums from low to high: both rise, or fall.
bool same_outputs(int64_t low, int64_t high, const reference::QuantizedMultiplier& a,
                  const reference::QuantizedMultiplier& b, const ConvChannels& all) {
  const int32_t at_low = output_of(low, a, all), at_high = output_of(high, a, all);
  if (at_low != output_of(low, b, all) || at_high != output_of(high, b, all)) return false;
  if (at_low == at_high || high - low <= 1) return true;
  const int64_t middle = low + (high - low) / 2;
  return same_outputs(low, middle, a, b, all) && same_outputs(middle, high, a, b, all);
}

// The least sum with an output above that of `low`; there is one up to `high`.
int64_t first_step(int64_t low, int64_t high, const reference::QuantizedMultiplier& scale,
                   const ConvChannels& all) {
  const int32_t at_low = output_of(low, scale, all);
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (output_of(middle, scale, all) > at_low ? high : low) = middle;
  }
  return high;
}

// Gives a channel the right shift that fits everywhere instead of a larger one, if there is a
// multiplier with which no sum tells the two apart: outputs that take few values leave it room. The
// multiplier is the least with which the first step up is where it was.
void shorten_shift(Channel& channel, const ConvChannels& all) {
  if (-channel.requantize.shift <= kMostRight || !monotonous(channel)) return;
  const auto [low, high] = channel.sums;
  const int64_t step = first_step(low, high, channel.requantize, all);
  const int64_t value = output_of(low, channel.requantize, all) + 1 - all.out_zero;
  if (step <= 0 || value < 1) return;
  const int64_t scaled = (2 * value - 1) << (kMostRight - 1);  // before it is shifted
  const int64_t multiplier = ((scaled << 31) - (int64_t{1} << 30) + step - 1) / step;
  if (multiplier > std::numeric_limits<int32_t>::max()) return;
  const reference::QuantizedMultiplier shorter{static_cast<int32_t>(multiplier), -kMostRight};
  if (same_outputs(low, high, channel.requantize, shorter, all)) channel.requantize = shorter;
}

// Rewrites a channel so that the kernels may take it: constant outputs become a bias alone, a
// negative multiplier goes into the weights. False if that fails.
bool normalize(Channel& channel, const ConvChannels& all) {
  if (const auto output = constant_output(channel, all)) {
    std::fill_n(channel.weights, channel.row, int8_t{0});
    channel.bias = 4 * (*output - all.out_zero);
    channel.requantize = {1 << 30, -1};  // 1 / 4
  } else if (channel.requantize.multiplier < 0) {
    if (channel.requantize.multiplier == std::numeric_limits<int32_t>::min() ||
        channel.bias == std::numeric_limits<int32_t>::min() ||
        std::count(channel.weights, channel.weights + channel.row, int8_t{-128}) != 0) {
      return false;
    }
    for (size_t i = 0; i < channel.row; ++i)
      channel.weights[i] = static_cast<int8_t>(-channel.weights[i]);
    channel.bias = -channel.bias;
    channel.requantize.multiplier = -channel.requantize.multiplier;
  } else {
    shorten_shift(channel, all);
    return true;
  }
  channel.sums = bounds_of(channel.weights, channel.row, channel.bias);
  shorten_shift(channel, all);
  return true;
}

bool fits_first(const Channel& u) {
  const int right = -u.requantize.shift;
  return u.sums.magnitude() < int64_t{1} << 30 && std::abs(int64_t{u.bias}) < int64_t{1} << 21 &&
         right >= 1 && right <= 22;
}

bool fits_second(const Channel& v, const Channel& u, int32_t out_zero) {
  const int right = -v.requantize.shift;
  int beyond = 0;  // 256 * v + u has 16 bits
  for (size_t i = 0; i < v.row; ++i)
    beyond |= static_cast<int>(v.weights[i] == -128) & static_cast<int>(u.weights[i] < 0);
  return beyond == 0 && v.sums.magnitude() < int64_t{1} << 23 &&
         (out_zero == kLeastZero ? right >= -6 && right <= kMostRight : right >= 1 && right <= 22);
}

int32_t word(uint32_t bits) { return static_cast<int32_t>(bits); }

// Of each four inputs, two words: the first and the third, the second and the fourth. `depth` is
// the row's length, rounded up to fours; zeros fill it.
void push_weights(const Channel& u, const Channel& v, size_t depth, std::vector<int32_t>& packed) {
  std::vector<uint32_t> halves(depth, 0);
  for (size_t i = 0; i < u.row; ++i)
    halves[i] = static_cast<uint32_t>(256 * v.weights[i] + u.weights[i]) & 0xffffU;
  for (size_t i = 0; i < depth; i += 4) {
    packed.push_back(word(halves[i] | halves[i + 2] << 16));
    packed.push_back(word(halves[i + 1] | halves[i + 3] << 16));
  }
}

}  // namespace

std::optional<std::vector<int32_t>> pack_conv_block(ConvChannels channels) {
  const size_t count = channels.bias.size(), row = channels.weights.size() / count;
  if (count < 2) return std::nullopt;
  const bool least = channels.out_zero == kLeastZero;
  std::vector<Channel> all;
  for (size_t c = 0; c < count; ++c) {
    int8_t* weights = &channels.weights[c * row];
    all.push_back({weights, row, channels.bias[c], channels.requantize[c],
                   bounds_of(weights, row, channels.bias[c])});
    if (!normalize(all.back(), channels)) return std::nullopt;
  }
  std::vector<int32_t> packed;
  uint32_t shifts = 0;
  const auto depth = static_cast<size_t>(MCUNET_CONV_BLOCK_DEPTH(row));
  packed.reserve((count + 1) / 2 * (depth / 2 + 4) + 2);
  for (size_t c = 0; c < count; c += 2) {
    const size_t second = std::min(c + 1, count - 1);
    const Channel& u = all[second - 1];
    const Channel& v = all[second];
    if (!fits_first(u) || !fits_second(v, u, channels.out_zero)) return std::nullopt;
    packed.push_back(word(static_cast<uint32_t>(u.bias) << 10 | shifts));
    packed.push_back(word(static_cast<uint32_t>(u.bias) + 256 * static_cast<uint32_t>(v.bias)));
    push_weights(u, v, depth, packed);
    packed.push_back(u.requantize.multiplier);
    packed.push_back(v.requantize.multiplier);
    shifts = static_cast<uint32_t>(-u.requantize.shift - 1) |
             static_cast<uint32_t>(-v.requantize.shift - 1 + (least ? 7 : 0)) << 5;
  }
  packed.push_back(word(shifts));
  packed.push_back(0);
  return packed;
}

}  // namespace mcunet::compiler
