// How much memory the buffers alive at one time need at the least, wherever they lie.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/memory/conflicts.h"
#include "compiler/memory/planner.h"

namespace mcunet::compiler {

// Per time 0 … last a number of bytes that no plan can stay below: the sizes of the buffers alive,
// less what the rules let overlap. Exact for up to four buffers joined by rules (the fewest bytes
// that they cover together, over all their allowed places); for more, every byte that a pair could
// share is taken as shared once. `conflicts` are those of the requests and rules.
std::vector<int64_t> lower_bounds(const std::vector<BufferRequest>& requests,
                                  const std::vector<OverlapRule>& rules,
                                  const std::vector<std::vector<Conflict>>& conflicts);

}  // namespace mcunet::compiler
