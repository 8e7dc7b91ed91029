// Offsets for buffers whose lifetimes are known, in as little memory as possible, with a proof of
// how little could do.
#pragma once

#include <cstdint>
#include <vector>

namespace mcunet::compiler {

struct BufferRequest {
  int64_t bytes = 0;
  int first = 0, last = 0;  // alive from time `first` to time `last`, both included
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // per request, multiples of kArenaAlignment
  int64_t arena = 0;             // bytes: the end of the highest buffer, rounded up
  int64_t lower_bound = 0;       // the largest sum of buffers alive at one time: no plan needs less
  int peak_time = 0;             // a time at which that sum is reached
  bool optimal() const { return arena == lower_bound; }
};

// Buffers begin at multiples of this, so that kernels may read words.
constexpr int64_t kArenaAlignment = 4;

// Buffers that are alive at a common time do not overlap. First fit in several orders (by size, by
// lifetime, by time), then seeded exchanges of the order until the lower bound is met or nothing
// improves; the same requests give the same plan. First fit by decreasing size: Pisarchyk, Lee,
// "Efficient Memory Management for Deep Neural Net Inference" (2020).
MemoryPlan plan_offsets(const std::vector<BufferRequest>& requests);

}  // namespace mcunet::compiler
