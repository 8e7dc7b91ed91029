// The integer arithmetic of TensorFlow Lite's reference kernels: multipliers, requantization and
// the fixed-point functions that SOFTMAX, LOGISTIC and TANH are made of. Everything here is exact
// and free of undefined behaviour: what would overflow wraps, as the reference does on every
// machine it runs on.
//
// Methods: Jacob et al., "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference" (2018); the fixed-point functions are those of gemmlowp
// (fixedpoint.h).
#pragma once

#include <cstdint>
#include <limits>

#include "libmcunet/graph/op.h"

namespace mcunet::reference {

// A real factor as multiplier * 2^(shift - 31); |multiplier| is in [2^30, 2^31), or 0.
struct QuantizedMultiplier {
  int32_t multiplier = 0;
  int shift = 0;
};

inline bool operator==(const QuantizedMultiplier& a, const QuantizedMultiplier& b) {
  return a.multiplier == b.multiplier && a.shift == b.shift;
}

// Negative factors give a negative multiplier; those below 2^-32 in magnitude become 0.
QuantizedMultiplier quantize_multiplier(double factor);

// Addition and left shift modulo 2^32.
inline int32_t wrapping_add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t wrapping_shift_left(int32_t a, int bits) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) << bits);
}

// floor((a*b + 2^30) / 2^31): the high half of the doubled product, halves rounded up.
inline int32_t saturating_rounding_doubling_high_mul(int32_t a, int32_t b) {
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  if (a == kLowest && b == kLowest) return std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (int64_t{1} << 30)) >> 31);
}

// x / 2^exponent, halves rounded away from zero; 0 <= exponent <= 31.
inline int32_t rounding_divide_by_pot(int32_t x, int exponent) {
  const uint32_t mask = (uint32_t{1} << exponent) - 1;
  const uint32_t remainder = static_cast<uint32_t>(x) & mask;
  const uint32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

// Rounds twice: once in the multiplication, once in the division.
inline int32_t multiply_by_quantized_multiplier(int32_t x, QuantizedMultiplier m) {
  const int left = m.shift > 0 ? m.shift : 0;
  const int right = m.shift > 0 ? 0 : -m.shift;
  return rounding_divide_by_pot(
      saturating_rounding_doubling_high_mul(wrapping_shift_left(x, left), m.multiplier), right);
}

// std::round() halves away from zero, and limited so that the conversion is defined for every
// float, NaN (to 0) included.
int32_t round_to_int32(float value);

// A closed interval of quantized values.
struct QuantizedRange {
  int32_t min = -128, max = 127;
  int32_t clamp(int32_t value) const { return value < min ? min : value > max ? max : value; }
};
inline bool operator==(const QuantizedRange& a, const QuantizedRange& b) {
  return a.min == b.min && a.max == b.max;
}

// What a fused activation leaves of int8; computed in float32.
QuantizedRange activation_range(Activation activation, float scale, int32_t zero_point);

struct FloatRange {
  float min, max;
};
FloatRange activation_range(Activation activation);

// ---- fixed point: Qm.n is an int32 with m integer bits and n = 31 - m fractional bits
// ----------------------------------

// exp(x) in Q0.31 of x <= 0 in Q(integer_bits).(31 - integer_bits); integer_bits is 4 or 5.
int32_t exp_on_negative_values(int32_t x, int integer_bits);
// 1 / (1 + x) and (1 - x) / (1 + x) for x in [0, 1], both in Q0.31.
int32_t one_over_one_plus_x(int32_t x);
int32_t one_minus_x_over_one_plus_x(int32_t x);
// Q4.27 to Q0.31.
int32_t logistic_fixed_point(int32_t x);
int32_t tanh_fixed_point(int32_t x);

// 1/sum of a positive Q12.19 number: mantissa (Q0.31, [0.5, 1]) and how many bits above one the sum
// has.
struct Reciprocal {
  int32_t mantissa;
  int bits_over_unit;
};
Reciprocal reciprocal_q12(int32_t sum);

// The largest |x| that is representable in Q(integer_bits) after a left shift by `left_shift`;
// larger values saturate.
int32_t input_radius(int integer_bits, int left_shift);

}  // namespace mcunet::reference
