// Which patches: how many operators are made patch by patch, and of how many.
#pragma once

#include <vector>

#include "compiler/schedule/patch.h"

namespace mcunet::compiler {

// A grid, and what it takes: no placement needs less than `bytes` of arena.
struct PatchChoice {
  PatchGrid grid;
  int64_t bytes = 0, macs = 0;  // MACs that are computed again
};

// All choices that `wanted` leaves, with up to 8 x 8 patches where it does not say how many: the
// least bytes first, of these the fewest MACs. Never empty: throws Error(Usage) as
// require_patches() does.
std::vector<PatchChoice> patch_choices(const Graph& graph, const RowGraph& rows,
                                       const PatchGrid& wanted);

}  // namespace mcunet::compiler
