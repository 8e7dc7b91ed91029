// From a prepared graph to a schedule with all buffers placed: everything that is known of memory
// before a kernel call is written. Weights play no part, so a search may ask it thousands of times.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "compiler/memory/planner.h"
#include "compiler/schedule/partition.h"
#include "compiler/schedule/patch.h"
#include "compiler/schedule/schedule.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

enum class ScheduleKind {
  Auto,    // the fewest cycles within the arena given: layers, streams, or else patches
  Layer,   // one operator after the other
  Stream,  // the least arena, rows of several operators taking turns
  Patch,   // the first operators patch by patch, the others one after the other
};

struct PlanOptions {
  ScheduleKind kind = ScheduleKind::Auto;
  int64_t arena_limit = std::numeric_limits<int64_t>::max();  // bytes; for Auto
  bool input_rows = false;     // the input comes row by row (Auto, Stream)
  double allow_recompute = 0;  // per cent of the MACs that may be done again (Auto, Stream)
  PatchGrid patch = {};        // for Patch: what is given of it
};

struct Plan {
  Graph graph;        // as planned: operators reordered, some perhaps cloned
  Schedule schedule;  // without calls
  MemoryPlan memory;
  int64_t lower_bound = 0;  // of the arena, over all schedules of the kind asked for; proved
  int64_t overhead = 0;     // cycles more than layer by layer, estimated
  int64_t recomputed_macs = 0;
};

// `graph` has been through prepare(). Where nothing fits the limit, Auto gives what needs least.
// Throws Error(Unsupported) when row input is asked for and the network's beginning cannot work by
// rows, Error(Usage) when the patches that are asked for are impossible or row input is asked for
// with them.
Plan plan(const Graph& graph, const PlanOptions& options);

// The same for operators and runs that are given: everything placed, nothing chosen.
Plan plan_partition(const Graph& graph, const RowGraph& rows, const Partition& partition);

// The buffers of a schedule as the planner takes them.
std::vector<BufferRequest> buffer_requests(const Schedule& schedule);

}  // namespace mcunet::compiler
