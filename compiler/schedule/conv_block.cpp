#include "compiler/schedule/conv_block.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "compiler/kernels/mcunet_params.h"

namespace mcunet::compiler {
namespace {

constexpr int32_t kLeastZero = -128;

// Right shifts that have room in the constants: of both channels of a pair, and of the second one
// where the output's zero point is the least.
constexpr int kMostShift = 22, kMostShiftOfSecond = 16;

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

Bounds bounds_of(const int8_t* weights, size_t row, int32_t bias) {
  Bounds bounds{bias, bias};
  for (size_t i = 0; i < row; ++i) {
    const int64_t a = int64_t{weights[i]} * -128, b = int64_t{weights[i]} * 127;
    bounds.low += std::min(a, b);
    bounds.high += std::max(a, b);
  }
  return bounds;
}

// What a sum becomes. The sum must not overflow, shifted left as the scale asks.
int32_t output_of(int64_t sum, reference::QuantizedMultiplier scale, const ConvChannels& all) {
  const int64_t y =
      int64_t{reference::multiply_by_quantized_multiplier(static_cast<int32_t>(sum), scale)} +
      all.out_zero;
  return static_cast<int32_t>(std::clamp(y, int64_t{all.clamp.min}, int64_t{all.clamp.max}));
}

// The output if it is the same for all inputs.
std::optional<int32_t> constant_output(const Channel& channel, const ConvChannels& all) {
  const reference::QuantizedMultiplier& scale = channel.requantize;
  // Outputs rise, or fall, with the sum as long as nothing wraps around.
  if (channel.sums.magnitude() >> (31 - std::max(scale.shift, 0)) != 0) return std::nullopt;
  const int32_t at_low = output_of(channel.sums.low, scale, all);
  if (at_low != output_of(channel.sums.high, scale, all)) return std::nullopt;
  return at_low;
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
  }
  channel.sums = bounds_of(channel.weights, channel.row, channel.bias);
  return true;
}

// Whether both scales give the same outputs for all sums in [low, high]. Outputs rise with the sum,
// so it is enough to look at both ends where neither changes in between.
bool same_outputs(reference::QuantizedMultiplier a, reference::QuantizedMultiplier b, int64_t low,
                  int64_t high, const ConvChannels& all) {
  const int32_t at_low = output_of(low, a, all), at_high = output_of(high, a, all);
  if (at_low != output_of(low, b, all) || at_high != output_of(high, b, all)) return false;
  if (at_low == at_high || high - low <= 1) return true;
  const int64_t middle = low + (high - low) / 2;
  return same_outputs(a, b, low, middle, all) && same_outputs(a, b, middle, high, all);
}

// The first number in (low, high] for which `reached` holds, as it does for high and all between.
template <typename Predicate>
int64_t first_reached(int64_t low, int64_t high, Predicate reached) {
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (reached(middle) ? high : low) = middle;
  }
  return high;
}

// Lets a scale shift right by no more than `most`, if its outputs stay the same. Channels of small
// scales have few of them: a multiplier of fewer bits tells them apart as well, if it is chosen so
// that the least output ends at the same sum.
void shift_less(Channel& channel, int most, const ConvChannels& all) {
  const reference::QuantizedMultiplier exact = channel.requantize;
  const int64_t low = channel.sums.low, high = channel.sums.high;
  const int excess = -exact.shift - most;
  if (excess <= 0 || excess > 8 || channel.sums.magnitude() >= int64_t{1} << 30) return;
  const int32_t least = output_of(low, exact, all);
  if (least == output_of(high, exact, all)) return;
  const int64_t step =
      first_reached(low, high, [&](int64_t sum) { return output_of(sum, exact, all) > least; });
  const int64_t near = exact.multiplier >> excess;
  // Among the multipliers near the exact one, the outputs at `step` rise with a positive sum.
  if (step <= 0) return;
  const auto with = [&](int64_t multiplier) {
    return reference::QuantizedMultiplier{static_cast<int32_t>(multiplier), -most};
  };
  const int64_t found = first_reached(near / 2, near + near / 2, [&](int64_t multiplier) {
    return output_of(step, with(multiplier), all) > least;
  });
  if (same_outputs(exact, with(found), low, high, all)) channel.requantize = with(found);
}

bool fits_first(const Channel& u) {
  const int right = -u.requantize.shift;
  return u.sums.magnitude() < int64_t{1} << 30 && std::abs(int64_t{u.bias}) < int64_t{1} << 21 &&
         right >= 1 && right <= kMostShift;
}

bool fits_second(const Channel& v, const Channel& u, int32_t out_zero) {
  const int right = -v.requantize.shift;
  for (size_t i = 0; i < v.row; ++i) {
    if (v.weights[i] == -128 && u.weights[i] < 0) return false;  // 256 * v + u has 16 bits
  }
  return v.sums.magnitude() < int64_t{1} << 23 &&
         (out_zero == kLeastZero ? right >= -6 && right <= kMostShiftOfSecond
                                 : right >= 1 && right <= kMostShift);
}

int32_t word(uint32_t bits) { return static_cast<int32_t>(bits); }

// Weights of four inputs from i on.
void push_weights(const Channel& u, const Channel& v, size_t i, std::vector<int32_t>& packed) {
  const auto half = [&](size_t k) {
    return k < u.row ? static_cast<uint32_t>(256 * v.weights[k] + u.weights[k]) & 0xffffU : 0U;
  };
  packed.push_back(word(half(i) | half(i + 2) << 16));
  packed.push_back(word(half(i + 1) | half(i + 3) << 16));
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
  for (size_t c = 0; c < count; c += 2) {
    const size_t second = std::min(c + 1, count - 1);
    Channel& u = all[second - 1];
    Channel& v = all[second];
    shift_less(u, kMostShift, channels);
    shift_less(v, least ? kMostShiftOfSecond : kMostShift, channels);
    if (!fits_first(u) || !fits_second(v, u, channels.out_zero)) return std::nullopt;
    packed.push_back(word(static_cast<uint32_t>(u.bias) << 10 | shifts));
    packed.push_back(word(static_cast<uint32_t>(u.bias) + 256 * static_cast<uint32_t>(v.bias)));
    for (size_t i = 0; i < depth; i += 4) push_weights(u, v, i, packed);
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
