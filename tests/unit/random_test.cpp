#include "libmcunet/support/random.h"

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <vector>

#include "libmcunet/support/files.h"

using namespace mcunet;

TEST_CASE("the golden stream's first values") {
  Xorshift32 words(1);
  for (const uint32_t value : {0x512d4711U, 0xc02c6536U, 0xdddaed13U, 0x8f6168cfU}) {
    CHECK(words.next() == value);
  }
  Xorshift32 late(1);
  for (int i = 0; i < 999; ++i) late.next();
  CHECK(late.next() == 2902125332U);

  Xorshift32 bytes(1);
  for (const int value : {81, -64, -35, -113, -19, -93, 66, 47}) CHECK(bytes.next_int8() == value);
  Xorshift32 unsigned_bytes(1);
  for (const int value : {209, 64, 93, 15}) CHECK(unsigned_bytes.next_uint8() == value);
  Xorshift32 floats(1);
  CHECK(floats.next_float() == -0.3658057451248169F);
  CHECK(floats.next_float() == 0.5013548135757446F);
}

TEST_CASE("seed 0 gives numbers too") {
  Xorshift32 stream(0);
  CHECK(stream.next() != 0);
}

TEST_CASE("the golden stream is that of the golden files") {
  const std::filesystem::path golden = "../shared/golden/mcunet-320kb-1mb_imagenet";
  if (!std::filesystem::exists(golden)) {
    std::cout << "skipped: no " << golden.string() << "\n";
    return;
  }
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    const std::vector<uint8_t> bytes =
        read_file(golden / ("input_" + std::to_string(seed) + ".bin"));
    REQUIRE(bytes.size() == 176 * 176 * 3);
    Xorshift32 stream(seed);
    std::vector<uint8_t> computed(bytes.size());
    for (uint8_t& byte : computed) byte = static_cast<uint8_t>(stream.next_int8());
    CHECK(computed == bytes);
  }
}

TEST_CASE("SplitMix64 gives its published values") {
  SplitMix64 zero(0);
  CHECK(zero.next() == 0xe220a8397b1dcdafU);
  CHECK(zero.next() == 0x6e789e6aa1b965f4U);
  SplitMix64 other(1234567);
  CHECK(other.next() == 0x599ed017fb08fc85U);
}

TEST_CASE("uniform numbers stay in range and reach all of it") {
  SplitMix64 random(7);
  std::array<int, 10> counts = {};
  for (int i = 0; i < 100'000; ++i) ++counts[random.below(10)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);  // five deviations

  std::array<int, 5> between = {};
  for (int i = 0; i < 1000; ++i) {
    const int64_t value = random.between(-2, 2);
    REQUIRE(value >= -2);
    REQUIRE(value <= 2);
    ++between[static_cast<size_t>(value + 2)];
  }
  for (const int count : between) CHECK(count > 0);
  CHECK(random.between(3, 3) == 3);
  random.between(INT64_MIN, INT64_MAX);

  double sum = 0.0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.unit();
    REQUIRE(value >= 0.0);
    REQUIRE(value < 1.0);
    sum += value;
  }
  CHECK(sum / 10'000 == Approx(0.5).margin(0.02));
  for (int i = 0; i < 100; ++i) {
    const float value = random.uniform(-2.0F, 3.0F);
    REQUIRE(value >= -2.0F);
    REQUIRE(value <= 3.0F);
  }
}
