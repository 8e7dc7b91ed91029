// Which places of two buffers exclude each other: lifetimes and overlap rules as one relation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/memory/planner.h"

namespace mcunet::compiler {

// Buffer i must not begin strictly between offset[other] + low and offset[other] + high. For
// disjoint buffers that is (-bytes[i], bytes[other]); a rule moves one end inwards. Both ends are
// multiples of the alignment, low < high.
struct Conflict {
  size_t other = 0;
  int64_t low = 0, high = 0;
};

// Per request its conflicts, by increasing `other`. Requests without bytes have none; nor have
// pairs that their rule leaves free.
std::vector<std::vector<Conflict>> find_conflicts(const std::vector<BufferRequest>& requests,
                                                  const std::vector<OverlapRule>& rules);

}  // namespace mcunet::compiler
