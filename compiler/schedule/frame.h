// A partition as a schedule without calls: which buffers there are, how long they live, which may
// overlap, in which order rows are made. All that planning needs; weights play no part in it.
#pragma once

#include "compiler/schedule/partition.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/storage.h"

namespace mcunet::compiler {

Schedule frame(const Graph& graph, const RowGraph& rows, const Partition& partition);

}  // namespace mcunet::compiler
