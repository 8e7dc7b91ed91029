#include "libmcunet/support/random.h"

namespace mcunet {

uint64_t SplitMix64::next() {
  state_ += 0x9E3779B97F4A7C15U;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

uint64_t SplitMix64::below(uint64_t count) {
  assert(count > 0);
  // 2^64 mod count: the values below it would make the low remainders more frequent.
  const uint64_t excess = (0 - count) % count;
  for (;;) {
    const uint64_t value = next();
    if (value >= excess) return value % count;
  }
}

int64_t SplitMix64::between(int64_t low, int64_t high) {
  assert(low <= high);
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  const uint64_t offset = span == UINT64_MAX ? next() : below(span + 1);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

double SplitMix64::unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

}  // namespace mcunet
