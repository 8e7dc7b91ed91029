// Offsets for buffers whose lifetimes are known, in as little memory as possible, with a proof of
// how little could do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mcunet::compiler {

struct BufferRequest {
  int64_t bytes = 0;
  int first = 0, last = 0;  // alive from time `first` to time `last`, both included; first >= 0
};

// Two buffers that are alive at a common time and may share bytes all the same: `over`, an output,
// lies over `under`, its dying input, where each row is written only after the rows below it have
// been read for the last time. Allowed are
//   below:  offset[over] <= offset[under] - distance   (rows made from the top down)
//   !below: offset[over] >= offset[under] + distance   (rows made from the bottom up)
// and, as without a rule, disjoint places. A negative distance gives `over` room to begin on the
// other side. At most one rule per pair; rules have no cycles.
struct OverlapRule {
  size_t under = 0, over = 0;  // indices of requests
  int64_t distance = 0;        // bytes, of any sign, no multiple of anything
  bool below = true;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // per request, multiples of kArenaAlignment
  int64_t arena = 0;             // bytes: the end of the highest buffer, rounded up
  int64_t lower_bound = 0;       // no plan needs less: the largest of `bounds`
  int peak_time = 0;             // the first time at which that bound is reached
  std::vector<int64_t> bounds;   // per time 0 … last: bytes that the buffers alive then need
  bool optimal() const { return arena == lower_bound; }
};

// Buffers begin at multiples of this, so that kernels may read words.
constexpr int64_t kArenaAlignment = 4;

// Rounded up to a multiple of kArenaAlignment, whatever the sign.
int64_t aligned(int64_t bytes);

// The best plan found; the same arguments give the same plan. First fit from both ends of the arena
// in several orders (by size, by lifetime, along the overlaps …), then a seeded search that moves
// the buffers that did not fit forward, until the lower bound is met or nothing improves. First fit
// by decreasing size: Pisarchyk, Lee, "Efficient Memory Management for Deep Neural Net Inference"
// (2020). The search: Joslin, Clements, "Squeaky Wheel Optimization", JAIR 10 (1999).
MemoryPlan plan_offsets(const std::vector<BufferRequest>& requests,
                        const std::vector<OverlapRule>& rules = {});

// What is wrong with the plan, in a sentence for the log; empty when it is sound. Written from the
// definitions above, not from what the planner does.
std::string find_conflict(const std::vector<BufferRequest>& requests,
                          const std::vector<OverlapRule>& rules, const MemoryPlan& plan);

}  // namespace mcunet::compiler
