// A picture of the arena over time: which bytes hold what while the network runs.
#pragma once

#include <string>

#include "compiler/compile.h"

namespace mcunet {

// An SVG document: bytes upwards from the arena's beginning, time to the right, one column per run
// of the schedule. Whole tensors, rings of rows and scratch in three colours; where a run fills or
// uses up a tensor row by row, the edge of what is alive is drawn turn by turn, so that an output
// can be seen growing over its dying input. The peak, the proved bound and, if it is near, the
// board's SRAM are marked. Every shape has a tooltip. Needs no script and no font of its own,
// follows the reader's light or dark colours; equal models give equal text.
std::string memory_map_svg(const compiler::CompiledModel& model);

}  // namespace mcunet
