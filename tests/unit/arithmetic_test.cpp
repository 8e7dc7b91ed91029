// The formulas on the right-hand sides are written from the definitions, not from the
// implementation.
#include "libmcunet/reference/arithmetic.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

using namespace mcunet;
using namespace mcunet::reference;

namespace {

constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
constexpr int32_t kMax = std::numeric_limits<int32_t>::max();

double real(QuantizedMultiplier m) {
  return std::ldexp(static_cast<double>(m.multiplier), m.shift - 31);
}

// The product as gemmlowp states it: a nudge by sign, then division that truncates.
int32_t naive_high_mul(int32_t a, int32_t b) {
  if (a == kMin && b == kMin) return kMax;
  const int64_t product = static_cast<int64_t>(a) * b;
  const int64_t nudge = product >= 0 ? (int64_t{1} << 30) : 1 - (int64_t{1} << 30);
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

int32_t naive_divide(int32_t x, int exponent) {
  return static_cast<int32_t>(std::llround(std::ldexp(static_cast<double>(x), -exponent)));
}

std::vector<int32_t> interesting_values() {
  std::vector<int32_t> values = {0, 1, -1, 2, -2, 3, -3, kMin, kMin + 1, kMax, kMax - 1};
  for (int bit = 2; bit < 31; ++bit) {
    for (const int32_t offset : {-1, 0, 1}) {
      values.push_back((int32_t{1} << bit) + offset);
      values.push_back(-(int32_t{1} << bit) + offset);
    }
  }
  std::mt19937 random(7);  // seed 7
  for (int i = 0; i < 200; ++i) values.push_back(static_cast<int32_t>(random()));
  return values;
}

double from_fixed(int32_t value, int fractional_bits) {
  return std::ldexp(static_cast<double>(value), -fractional_bits);
}

}  // namespace

TEST_CASE("multipliers are normalised and within half a unit of the factor") {
  CHECK(quantize_multiplier(0.0) == QuantizedMultiplier{0, 0});
  CHECK(quantize_multiplier(1.0) == QuantizedMultiplier{1 << 30, 1});
  CHECK(quantize_multiplier(0.5) == QuantizedMultiplier{1 << 30, 0});
  CHECK(quantize_multiplier(-0.75) == QuantizedMultiplier{-(3 << 29), 0});
  // 1 - 2^-40 rounds up to 2^31, which does not fit and becomes 2^30 with one more shift.
  CHECK(quantize_multiplier(1.0 - std::ldexp(1.0, -40)) == QuantizedMultiplier{1 << 30, 1});
  CHECK(quantize_multiplier(std::ldexp(1.0, -32)) == QuantizedMultiplier{1 << 30, -31});
  CHECK(quantize_multiplier(std::ldexp(0.99, -32)) == QuantizedMultiplier{0, 0});

  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(-30, 20);
  for (int i = 0; i < 1000; ++i) {
    const double factor = std::exp2(exponent(random)) * (i % 2 == 0 ? 1 : -1);
    const QuantizedMultiplier m = quantize_multiplier(factor);
    CAPTURE(factor, m.multiplier, m.shift);
    CHECK(std::abs(int64_t{m.multiplier}) >= (int64_t{1} << 30));
    CHECK(std::abs(real(m) - factor) <= std::ldexp(0.5, m.shift - 31));
  }
}

TEST_CASE("products and divisions round as gemmlowp defines") {
  const std::vector<int32_t> values = interesting_values();
  int64_t wrong = 0;
  for (const int32_t a : values) {
    for (const int32_t b : values)
      wrong += saturating_rounding_doubling_high_mul(a, b) != naive_high_mul(a, b);
    for (int exponent = 0; exponent <= 31; ++exponent)
      wrong += rounding_divide_by_pot(a, exponent) != naive_divide(a, exponent);
  }
  CHECK(wrong == 0);
}

TEST_CASE("requantization rounds twice and wraps instead of overflowing") {
  // 0.5 of 3 is 1.5, rounded up to 2 by the product; halved again with a shift of -1: 3/4 -> 2
  // -> 1.
  CHECK(multiply_by_quantized_multiplier(3, {1 << 30, 0}) == 2);
  CHECK(multiply_by_quantized_multiplier(3, {1 << 30, -1}) == 1);
  CHECK(multiply_by_quantized_multiplier(-3, {1 << 30, 0}) == -1);  // halves go up in the product
  CHECK(multiply_by_quantized_multiplier(-1, {1 << 30, -1}) == 0);  // -1/2 -> 0 -> 0
  CHECK(multiply_by_quantized_multiplier(-6, {1 << 30, -1}) ==
        -2);  // -3 -> -3/2, away from zero in the division
  CHECK(multiply_by_quantized_multiplier(1 << 30, {1 << 30, 2}) == 0);  // 2^32 wraps
  CHECK(multiply_by_quantized_multiplier(kMin, {kMin, 0}) == kMax);
  CHECK(multiply_by_quantized_multiplier(12345, {1 << 30, 1}) == 12345);
}

// Why a simulation in floats, which rounds once, differs from int8 networks here and there: the
// product is rounded to -shift binary places first. What lies less than half of such a place below
// the middle of two integers is moved onto the middle, and from there away from zero.
TEST_CASE("two roundings move 2^(shift-1) of the values by one, away from zero") {
  const double factor = GENERATE(0.0033, 0.0061, 0.0121);
  const QuantizedMultiplier multiplier = quantize_multiplier(factor);
  CAPTURE(factor, multiplier.shift);
  constexpr int32_t kLargest = 60'000;
  int moved = 0;
  for (int32_t x = -kLargest; x <= kLargest; ++x) {
    const auto once = static_cast<int32_t>(std::round(x * factor));
    const int32_t twice = multiply_by_quantized_multiplier(x, multiplier);
    if (twice == once) continue;
    ++moved;
    if (twice - once != (x < 0 ? -1 : 1)) FAIL(x << ": " << once << " and " << twice);
  }
  const double share = static_cast<double>(moved) / (2 * kLargest + 1);
  CHECK(share == Approx(std::ldexp(1.0, multiplier.shift - 1)).epsilon(0.05));
}

TEST_CASE("floats round half away from zero and never overflow") {
  CHECK(round_to_int32(0.5f) == 1);
  CHECK(round_to_int32(-0.5f) == -1);
  CHECK(round_to_int32(-2.5f) == -3);
  CHECK(round_to_int32(1e20f) == kMax);
  CHECK(round_to_int32(-1e20f) == kMin);
  CHECK(round_to_int32(std::numeric_limits<float>::infinity()) == kMax);
  CHECK(round_to_int32(std::numeric_limits<float>::quiet_NaN()) == 0);
}

TEST_CASE("fused activations become ranges of int8") {
  CHECK(activation_range(Activation::None, 0.1f, 5) == QuantizedRange{-128, 127});
  CHECK(activation_range(Activation::Relu, 0.1f, 5) == QuantizedRange{5, 127});
  CHECK(activation_range(Activation::Relu6, 0.1f, -128) == QuantizedRange{-128, -68});
  CHECK(activation_range(Activation::Relu6, 0.01f, -128) == QuantizedRange{-128, 127});
  CHECK(activation_range(Activation::ReluN1To1, 0.25f, 3) == QuantizedRange{-1, 7});
  CHECK(activation_range(Activation::Relu6, 1e-30f, 0) == QuantizedRange{0, 127});
}

TEST_CASE("fixed-point functions approximate the real ones") {
  for (int32_t x = 0; x > -(1 << 30); x -= 999983) {
    CAPTURE(x);
    CHECK(from_fixed(exp_on_negative_values(x, 5), 31) ==
          Approx(std::exp(from_fixed(x, 26))).margin(1e-7));
    CHECK(from_fixed(exp_on_negative_values(x, 4), 31) ==
          Approx(std::exp(from_fixed(x, 27))).margin(1e-7));
  }
  for (int64_t i = 0; i < kMax; i += 1999993) {
    const auto x = static_cast<int32_t>(i);
    CAPTURE(x);
    CHECK(from_fixed(one_over_one_plus_x(x), 31) ==
          Approx(1 / (1 + from_fixed(x, 31))).margin(1e-7));
    CHECK(from_fixed(one_minus_x_over_one_plus_x(x), 31) ==
          Approx((1 - from_fixed(x, 31)) / (1 + from_fixed(x, 31))).margin(1e-7));
  }
  for (int64_t i = kMin + 1; i < kMax; i += 1999993) {
    const auto x = static_cast<int32_t>(i);
    CAPTURE(x);
    CHECK(from_fixed(logistic_fixed_point(x), 31) ==
          Approx(1 / (1 + std::exp(-from_fixed(x, 27)))).margin(1e-7));
    CHECK(from_fixed(tanh_fixed_point(x), 31) == Approx(std::tanh(from_fixed(x, 27))).margin(1e-7));
  }
  CHECK(logistic_fixed_point(0) == 1 << 30);
  CHECK(tanh_fixed_point(0) == 0);
  CHECK(exp_on_negative_values(0, 5) == kMax);
}

TEST_CASE("reciprocals of sums and input radii") {
  for (const double sum : {1.0, 1.5, 2.0, 3.75, 10.0, 255.0, 1000.0, 4095.0}) {
    const Reciprocal r = reciprocal_q12(static_cast<int32_t>(std::ldexp(sum, 19)));
    CAPTURE(sum);
    CHECK(std::ldexp(from_fixed(r.mantissa, 31), -r.bits_over_unit) ==
          Approx(1 / sum).epsilon(1e-7));
  }
  // (2^4 - 1) * 2^27 / 2^23 = 240: what is multiplied by 2^23 still fits into Q4.27.
  CHECK(input_radius(4, 23) == 240);
  CHECK(input_radius(5, 31) == 0);
}
