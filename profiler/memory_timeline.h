// Which bytes of the arena hold something that is still needed, while a run goes on: the rows of a
// tensor that were written so far, and those that somebody will read again.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "compiler/compile.h"
#include "compiler/schedule/storage.h"

namespace mcunet {

// From turn `turn` of a run on, until the next entry, the bytes [begin, end) of a buffer are alive;
// none if begin == end.
struct LiveRange {
  int32_t turn = 0;
  int64_t begin = 0, end = 0;
};

struct RunTimeline {
  int32_t turns = 1;  // rows that the run's operators make, and rows of the input that it takes
  // Buffers of whole tensors that the run fills, or uses up; entries begin with turn 0. Of the
  // others all bytes are alive all the time: rings, scratch, tensors that stay.
  std::map<compiler::BufferId, std::vector<LiveRange>> partial;
};

// An operator that makes its output whole counts as going row by row only where a rule lets that
// output lie over its input, since it matters for nothing else. `rows` is row_graph(model.graph).
RunTimeline run_timeline(const compiler::CompiledModel& model, const compiler::RowGraph& rows,
                         size_t run);

}  // namespace mcunet
