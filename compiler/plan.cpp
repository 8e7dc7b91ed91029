#include "compiler/plan.h"

#include <algorithm>
#include <numeric>

#include "compiler/passes/recompute.h"
#include "compiler/passes/reorder.h"
#include "compiler/schedule/frame.h"
#include "compiler/schedule/patch_search.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

// How often a partition whose placement exceeds its bound is exchanged for one with less to place.
constexpr int kAttempts = 8;

// Grids of patches that are placed: more only where the planner misses the bound of the first.
constexpr size_t kPlacedGrids = 4;

// Subsets of squeeze-and-excite blocks that are tried: all of the few with the largest tensors.
constexpr size_t kRecomputedBlocks = 4;

// What doing multiply-accumulates again costs, roughly.
constexpr int64_t kCyclesPerMac = 2;

Plan placed(const Graph& graph, Schedule schedule) {
  Plan plan;
  plan.graph = graph;
  plan.schedule = std::move(schedule);
  plan.memory = plan_offsets(buffer_requests(plan.schedule), plan.schedule.overlaps);
  return plan;
}

bool better(const Plan& a, const Plan& b, int64_t limit) {
  const auto cycles = [](const Plan& plan) {
    return plan.overhead + kCyclesPerMac * plan.recomputed_macs;
  };
  const bool a_fits = a.memory.arena <= limit, b_fits = b.memory.arena <= limit;
  if (a_fits != b_fits) return a_fits;
  if (a_fits && cycles(a) != cycles(b)) return cycles(a) < cycles(b);
  return a.memory.arena != b.memory.arena ? a.memory.arena < b.memory.arena : cycles(a) < cycles(b);
}

// The best plan of the operators as they stand.
Plan plan_as_given(const Graph& graph, const PlanOptions& options) {
  const RowGraph rows = row_graph(graph);
  PartitionSearch search(rows, {options.input_rows, options.kind != ScheduleKind::Layer});
  if (!search.possible()) {
    throw Error(ErrorKind::Unsupported,
                "row input: the operators that read the input do not work row by row");
  }
  const int64_t least = search.least_bytes();
  const int64_t limit =
      options.kind == ScheduleKind::Auto ? std::max(options.arena_limit, least) : least;
  std::optional<Plan> best;
  for (const bool still : {false, true}) {
    int64_t allowed = limit;
    for (int attempt = 0; attempt < kAttempts && allowed >= least; ++attempt) {
      const std::optional<Partition> partition = search.cheapest(allowed, still);
      if (!partition) break;
      Plan next = plan_partition(graph, rows, *partition);
      const int64_t excess = next.memory.arena - limit;
      if (!best || better(next, *best, limit)) best = std::move(next);
      if (excess <= 0 || partition->bytes <= least) break;
      allowed = std::max(least, std::min(allowed, partition->bytes) - excess);
    }
    if (best->memory.arena <= limit || options.kind == ScheduleKind::Layer) break;
  }
  best->lower_bound = options.kind == ScheduleKind::Layer ? best->memory.lower_bound : least;
  return std::move(*best);
}

Plan plan_grid(const Graph& graph, const RowGraph& rows, const PatchGrid& grid) {
  const PatchPart part = patch_part(graph, rows, grid);
  Plan plan = placed(graph, frame_patches(graph, rows, part));
  plan.overhead = patch_overhead(graph, part);
  plan.recomputed_macs = recomputed_macs(graph, part);
  return plan;
}

// The grid with the least arena, and of those the one that computes least twice.
Plan plan_patches(const Graph& graph, const PatchGrid& wanted) {
  const RowGraph rows = row_graph(graph);
  const std::vector<PatchChoice> choices = patch_choices(graph, rows, wanted);
  Plan best = plan_grid(graph, rows, choices.front().grid);
  for (size_t i = 1; i < std::min(choices.size(), kPlacedGrids); ++i) {
    if (choices[i].bytes >= best.memory.arena) break;
    Plan next = plan_grid(graph, rows, choices[i].grid);
    if (next.memory.arena < best.memory.arena) best = std::move(next);
  }
  best.lower_bound = choices.front().bytes;
  return best;
}

// `blocks`, in ascending order, are computed twice.
Graph recomputed(Graph graph, const std::vector<size_t>& blocks) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block)
    graph = recompute_gate(std::move(graph), *block);
  return graph;
}

// Every choice of squeeze-and-excite blocks to compute twice, among those with the largest tensors.
Plan plan_recomputing(const Graph& graph, const PlanOptions& options, int64_t limit, Plan best) {
  const auto allowed =
      static_cast<int64_t>(options.allow_recompute / 100 * static_cast<double>(total_macs(graph)));
  const std::vector<GateBlock> blocks = gate_blocks(graph);
  std::vector<size_t> largest(blocks.size());
  std::iota(largest.begin(), largest.end(), size_t{0});
  std::stable_sort(largest.begin(), largest.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  largest.resize(std::min(largest.size(), kRecomputedBlocks));
  for (size_t subset = 1; subset < size_t{1} << largest.size(); ++subset) {
    std::vector<size_t> chosen;
    int64_t macs = 0;
    for (size_t i = 0; i < largest.size(); ++i) {
      if ((subset >> i & 1) == 0) continue;
      chosen.push_back(largest[i]);
      macs += blocks[largest[i]].extra_macs;
    }
    if (macs > allowed) continue;
    std::sort(chosen.begin(), chosen.end());
    Plan next = plan_as_given(recomputed(graph, chosen), options);
    next.recomputed_macs = macs;
    if (better(next, best, limit)) best = std::move(next);
  }
  return best;
}

// Patches are narrower than rows: with many of them a network may fit that does not otherwise.
Plan plan_patches_if_better(const Graph& graph, int64_t limit, Plan best) {
  try {
    Plan patches = plan_patches(graph, {});
    return better(patches, best, limit) ? patches : best;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Usage) throw;
    return best;  // the network does not begin with operators that work on patches
  }
}

}  // namespace

std::vector<BufferRequest> buffer_requests(const Schedule& schedule) {
  std::vector<BufferRequest> requests;
  requests.reserve(schedule.buffers.size());
  for (const Buffer& buffer : schedule.buffers)
    requests.push_back({buffer.bytes, buffer.first, buffer.last});
  return requests;
}

Plan plan_partition(const Graph& graph, const RowGraph& rows, const Partition& partition) {
  Plan plan = placed(graph, frame(graph, rows, partition));
  plan.lower_bound = plan.memory.lower_bound;
  plan.overhead = partition.overhead;
  return plan;
}

Plan plan(const Graph& source, const PlanOptions& options) {
  const Graph graph = reorder_for_memory(source).graph;
  if (options.kind == ScheduleKind::Patch) {
    if (options.input_rows)
      throw Error(ErrorKind::Usage,
                  "patches are cut from the whole image: it cannot come row by row");
    return plan_patches(graph, options.patch);
  }
  Plan best = plan_as_given(graph, options);
  const int64_t limit = options.kind == ScheduleKind::Auto ? options.arena_limit : 0;
  if (best.memory.arena <= limit || options.kind == ScheduleKind::Layer) return best;
  if (options.allow_recompute > 0) best = plan_recomputing(graph, options, limit, std::move(best));
  if (options.kind == ScheduleKind::Auto && !options.input_rows && best.memory.arena > limit)
    best = plan_patches_if_better(graph, limit, std::move(best));
  return best;
}

}  // namespace mcunet::compiler
