#include "libmcunet/reference/arithmetic.h"

#include <algorithm>
#include <cmath>

namespace mcunet::reference {

namespace {
constexpr int32_t kOneQ0 = std::numeric_limits<int32_t>::max();  // Q0.31 has no exact one
}

QuantizedMultiplier quantize_multiplier(double factor) {
  if (factor == 0.0) return {};
  int shift = 0;
  const double mantissa = std::frexp(factor, &shift);
  auto fixed = static_cast<int64_t>(std::round(mantissa * static_cast<double>(int64_t{1} << 31)));
  if (fixed == int64_t{1} << 31) {
    fixed /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  // The reference leaves larger factors undefined; no input but 0 keeps a bit under a left shift of
  // 31 as it is.
  if (shift > 31) return {factor > 0 ? kOneQ0 : -kOneQ0, 31};
  return {static_cast<int32_t>(fixed), shift};
}

int32_t round_to_int32(float value) {
  if (std::isnan(value)) return 0;
  const float rounded = std::round(value);
  // 2^31 itself is a float, 2^31 - 1 is not.
  if (rounded >= 2147483648.0f) return std::numeric_limits<int32_t>::max();
  if (rounded <= -2147483648.0f) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(rounded);
}

FloatRange activation_range(Activation activation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (activation) {
    case Activation::None:
      break;
    case Activation::Relu:
      return {0.0f, kInfinity};
    case Activation::ReluN1To1:
      return {-1.0f, 1.0f};
    case Activation::Relu6:
      return {0.0f, 6.0f};
  }
  return {-kInfinity, kInfinity};
}

QuantizedRange activation_range(Activation activation, float scale, int32_t zero_point) {
  const FloatRange real = activation_range(activation);
  const auto quantize = [&](float value) {
    const int64_t quantized = int64_t{zero_point} + round_to_int32(value / scale);
    return static_cast<int32_t>(std::clamp<int64_t>(quantized, -128, 127));
  };
  QuantizedRange range;
  if (std::isfinite(real.min)) range.min = quantize(real.min);
  if (std::isfinite(real.max)) range.max = quantize(real.max);
  return range;
}

namespace {

constexpr int32_t kOneQ2 = int32_t{1} << 29;

int32_t mul(int32_t a, int32_t b) { return saturating_rounding_doubling_high_mul(a, b); }

// x * 2^exponent, saturating to the left and rounding to the right.
int32_t multiply_by_pot(int32_t x, int exponent) {
  if (exponent <= 0) return rounding_divide_by_pot(x, -exponent);
  const int64_t wide = int64_t{x} * (int64_t{1} << exponent);
  return static_cast<int32_t>(
      std::clamp<int64_t>(wide, std::numeric_limits<int32_t>::min(), kOneQ0));
}

// (a + b) / 2, halves away from zero.
int32_t rounding_half_sum(int32_t a, int32_t b) {
  const int64_t sum = int64_t{a} + b;
  return static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

// exp(a) for a in [-1/4, 0), Q0.31: Taylor's polynomial of degree 4 around -1/8.
int32_t exp_on_quarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = wrapping_add(a, int32_t{1} << 28);
  const int32_t x2 = mul(x, x);
  const int32_t x3 = mul(x2, x);
  const int32_t x4 = mul(x2, x2);
  const int32_t x4_over_4 = rounding_divide_by_pot(x4, 2);
  // x^4/24 + x^3/6 + x^2/2
  const int32_t tail =
      rounding_divide_by_pot(wrapping_add(mul(wrapping_add(x4_over_4, x3), kThird), x2), 1);
  return wrapping_add(kExpOfMinusEighth, mul(kExpOfMinusEighth, wrapping_add(x, tail)));
}

// 2 / (1 + a) in Q2.29 for a in [0, 1] in Q0.31: Newton's division of d = (1 + a) / 2 from the
// start 48/17 - 32/17 d.
int32_t two_over_one_plus(int32_t a) {
  constexpr int32_t k48Over17 = 1515870810;
  constexpr int32_t kMinus32Over17 = -1010580540;
  const int32_t d = rounding_half_sum(a, kOneQ0);
  int32_t x = wrapping_add(k48Over17, mul(d, kMinus32Over17));
  for (int i = 0; i < 3; ++i) {
    const int32_t rest = wrapping_add(kOneQ2, -mul(d, x));
    x = wrapping_add(x, multiply_by_pot(mul(x, rest), 2));
  }
  return x;
}

}  // namespace

int32_t exp_on_negative_values(int32_t x, int integer_bits) {
  if (x == 0) return kOneQ0;
  const int fractional_bits = 31 - integer_bits;
  const int32_t quarter = int32_t{1} << (fractional_bits - 2);
  const int32_t in_quarter = (x & (quarter - 1)) - quarter;  // [-1/4, 0)
  int32_t result = exp_on_quarter(multiply_by_pot(in_quarter, integer_bits));
  // What is left is a multiple of 1/4; each of its bits contributes a factor exp(-2^exponent).
  const auto remainder = static_cast<uint32_t>(in_quarter) - static_cast<uint32_t>(x);
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  for (int exponent = -2; exponent < integer_bits; ++exponent) {
    if ((remainder >> (fractional_bits + exponent)) & 1)
      result = mul(result, kFactors[exponent + 2]);
  }
  return result;
}

int32_t one_over_one_plus_x(int32_t x) {
  return multiply_by_pot(two_over_one_plus(x), 1);  // halving and Q2.29 to Q0.31
}

int32_t one_minus_x_over_one_plus_x(int32_t x) {
  return multiply_by_pot(wrapping_add(two_over_one_plus(x), -kOneQ2), 2);
}

int32_t logistic_fixed_point(int32_t x) {
  if (x == 0) return int32_t{1} << 30;
  const int32_t minus_magnitude = x > 0 ? -x : x;
  const int32_t of_magnitude = one_over_one_plus_x(exp_on_negative_values(minus_magnitude, 4));
  return x > 0 ? of_magnitude : kOneQ0 - of_magnitude;
}

int32_t tanh_fixed_point(int32_t x) {
  if (x == 0) return 0;
  const int32_t minus_magnitude = x > 0 ? -x : x;
  // Twice a Q4.27 number is the same bits read as Q5.26.
  const int32_t of_magnitude =
      one_minus_x_over_one_plus_x(exp_on_negative_values(minus_magnitude, 5));
  return x > 0 ? of_magnitude : -of_magnitude;
}

Reciprocal reciprocal_q12(int32_t sum) {
  int zeros = 0;
  for (uint32_t bits = static_cast<uint32_t>(sum); bits != 0 && (bits >> 31) == 0; bits <<= 1)
    ++zeros;
  const uint32_t normalised = static_cast<uint32_t>(sum) << zeros;
  const auto minus_one = static_cast<int32_t>(normalised - (uint32_t{1} << 31));
  return {one_over_one_plus_x(minus_one), 12 - zeros};
}

int32_t input_radius(int integer_bits, int left_shift) {
  const double rescaled =
      ((1 << integer_bits) - 1) * std::ldexp(1.0, 31 - integer_bits - left_shift);
  return static_cast<int32_t>(std::floor(std::min(rescaled, 2147483647.0)));
}

}  // namespace mcunet::reference
