// Deterministic pseudo-random numbers: the same on every machine and with every compiler.
#pragma once

#include <cassert>
#include <cstdint>

namespace mcunet {

// The stream of the golden inputs (golden/manifest.json of the test data): Marsaglia's xorshift32,
// one step per element. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003.
class Xorshift32 {
 public:
  // State 2654435761 · seed mod 2^32. Seed 0 would stay 0 for ever; it starts from all ones
  // instead.
  explicit Xorshift32(uint32_t seed) : state_(2654435761U * seed) {
    if (state_ == 0) state_ = 0xFFFFFFFFU;
  }

  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

  int8_t next_int8() { return static_cast<int8_t>(static_cast<uint8_t>(next() >> 24)); }
  uint8_t next_uint8() { return static_cast<uint8_t>((next() >> 24) ^ 0x80U); }  // int8 + 128
  // In [-1, 1), exact multiples of 2^-23.
  float next_float() {
    return static_cast<float>(static_cast<int32_t>(next() >> 8)) / 8388608.0F - 1.0F;
  }

 private:
  uint32_t state_;
};

// For tests and search. Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// OOPSLA 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t next();
  // Uniform in [0, count), count > 0; without bias.
  uint64_t below(uint64_t count);
  // Uniform in [low, high], both included.
  int64_t between(int64_t low, int64_t high);
  // Uniform in [0, 1), 53 bits.
  double unit();
  float uniform(float low, float high) { return low + static_cast<float>(unit()) * (high - low); }
  bool chance(double probability) { return unit() < probability; }

 private:
  uint64_t state_;
};

}  // namespace mcunet
