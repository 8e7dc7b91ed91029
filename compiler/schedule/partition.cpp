#include "compiler/schedule/partition.h"

#include <algorithm>
#include <queue>
#include <tuple>

namespace mcunet::compiler {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

PartitionSearch::PartitionSearch(const RowGraph& graph, const PartitionOptions& options)
    : graph_(graph), options_(options), simulator_(graph), candidates_(graph.ops.size()) {
  const int n = ops();
  rows_until_.assign(graph.ops.size() + 1, n);
  overhead_.assign(graph.ops.size() + 1, 0);
  for (int op = n - 1; op >= 0; --op) {
    const RowOp& row = graph.ops[static_cast<size_t>(op)];
    rows_until_[static_cast<size_t>(op)] =
        !row.by_rows ? op
                     : std::min({rows_until_[static_cast<size_t>(op) + 1],
                                 op + static_cast<int>(kMaxOpsPerRun) - 1});
  }
  for (int op = 0; op < n; ++op) {
    const RowOp& row = graph.ops[static_cast<size_t>(op)];
    overhead_[static_cast<size_t>(op) + 1] =
        overhead_[static_cast<size_t>(op)] + kCyclesPerStep * row.steps * row.calls;
  }
}

RunSpec PartitionSearch::spec(int first, int end) const {
  RunSpec run;
  run.first = first;
  run.end = end;
  run.input_rows = options_.input_rows && first == 0;
  run.kind = end - first == 1 && !run.input_rows ? RunKind::Whole : RunKind::Rows;
  return run;
}

int PartitionSearch::last_end(int first) const {
  return options_.streaming ? std::max(rows_until_[static_cast<size_t>(first)], first + 1)
                            : first + 1;
}

int64_t PartitionSearch::overhead(int first, int end) const {
  if (end - first == 1) return 0;
  return overhead_[static_cast<size_t>(end)] - overhead_[static_cast<size_t>(first)];
}

void PartitionSearch::consider(const RunSpec& run, int64_t limit, Candidate& candidate) {
  const RunShape& shape = simulator_.simulate(run, limit);
  candidate.bytes = shape.bytes;
  candidate.apart = shape.apart;
  candidate.bottom_up = run.bottom_up;
  candidate.shift = 0;
  for (const Overlap& overlap : shape.overlaps)
    candidate.shift = std::max(candidate.shift, overlap.distance);
  candidate.to_begin = simulator_.bytes_to_begin();
  candidate.exact = candidate.bytes != kNever;
  if (!candidate.exact) candidate.bytes = limit + 1;
}

// Bytes of the run [first, end), simulated at most twice: a run that was given up under one limit
// is looked at again only for a higher one.
PartitionSearch::Candidate& PartitionSearch::evaluate(int first, int end, int64_t limit) {
  auto& row = candidates_[static_cast<size_t>(first)];
  const auto index = static_cast<size_t>(end - first - 1);
  if (row.size() <= index) row.resize(index + 1);
  Candidate& candidate = row[index];
  if (candidate.exact || candidate.bytes > limit) return candidate;
  RunSpec run = spec(first, end);
  if (!can_run(graph_, run)) {
    candidate.bytes = kNever;
    candidate.exact = true;
    return candidate;
  }
  consider(run, limit, candidate);
  if (run.kind == RunKind::Rows && !run.input_rows) {
    run.bottom_up = true;
    Candidate up;
    consider(run, std::min(limit, candidate.bytes - 1), up);
    if (up.exact && up.bytes < candidate.bytes) {
      up.to_begin = std::min(up.to_begin, candidate.to_begin);
      candidate = up;
    } else if (up.exact || up.to_begin < candidate.to_begin) {
      candidate.to_begin = std::min(up.to_begin, candidate.to_begin);
    }
  }
  return candidate;
}

// What shorter runs from the same operator have shown.
int64_t PartitionSearch::bound_to_begin(int first, int end) const {
  const auto& row = candidates_[static_cast<size_t>(first)];
  int64_t bound = 0;
  for (size_t i = 0; i < row.size() && static_cast<int>(i) < end - first - 1; ++i)
    bound = std::max(bound, row[i].to_begin);
  return bound;
}

bool PartitionSearch::possible() { return least_bytes() != kNever; }

// Dijkstra's algorithm on the largest run so far. Each beginning offers its runs one at a time, the
// shorter first: what a short one needs to begin bounds all longer ones, so that most are never
// looked at. An offer waits until its bounds are the least of all before it is simulated, and
// counts when its bytes are.
int64_t PartitionSearch::least_bytes() {
  if (least_) return *least_;
  const int n = ops();
  enum Stage { kReached, kSimulate, kOffered };
  using Entry = std::tuple<int64_t, int, int, Stage>;  // (bytes, -first: deeper first, end, stage)
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  std::vector<int64_t> reached(static_cast<size_t>(n) + 1, kNever);
  const auto offer = [&](int first, int end, int64_t bound) {
    if (end <= last_end(first)) queue.emplace(bound, -first, end, kOffered);
  };
  // The first offer of a beginning; nothing that is alive there goes away.
  const auto open = [&](int first) {
    offer(first, first + 1,
          std::max(reached[static_cast<size_t>(first)],
                   simulator_.least_bytes(first, first, options_.input_rows)));
  };
  reached[0] = 0;
  if (n == 0) reached[0] = simulator_.least_bytes(0, 0, false);
  if (n > 0) open(0);
  while (!queue.empty() && reached[static_cast<size_t>(n)] == kNever) {
    const auto [bytes, negative, end, stage] = queue.top();
    queue.pop();
    const int first = -negative;
    const bool wanted = reached[static_cast<size_t>(end)] == kNever;
    if (stage == kReached) {
      if (!wanted) continue;
      reached[static_cast<size_t>(end)] = bytes;
      if (end < n) open(end);
      continue;
    }
    const int64_t bound = std::max(simulator_.least_bytes(first, end, options_.input_rows),
                                   bound_to_begin(first, end));
    if (bound > bytes) {
      if (wanted) queue.emplace(bound, -first, end, kSimulate);
      if (stage == kOffered) offer(first, end + 1, bytes);
      continue;
    }
    // Offers are simulated even if `end` has been reached: the longer runs need their bound.
    const Candidate& candidate = evaluate(first, end, kNever - 1);
    if (candidate.bytes != kNever && wanted)
      queue.emplace(std::max(bytes, candidate.bytes), -first, end, kReached);
    if (stage == kOffered) offer(first, end + 1, std::max(bytes, candidate.to_begin));
  }
  least_ = reached[static_cast<size_t>(n)];
  return *least_;
}

// Dijkstra's algorithm on the cycles, or on the shifts and then the cycles, with the runs that fit.
std::optional<Partition> PartitionSearch::cheapest_once(int64_t limit, bool still) {
  const int n = ops();
  struct Cost {
    int64_t shift = 0, cycles = 0;
    bool operator<(const Cost& other) const {
      return std::tie(shift, cycles) < std::tie(other.shift, other.cycles);
    }
  };
  struct Entry {
    Cost cost;
    int first, end;
    bool simulated;  // otherwise its shift is not in the cost yet
    // Deeper first: what is left to explore then is no better.
    bool operator<(const Entry& other) const {
      if (cost < other.cost || other.cost < cost) return other.cost < cost;
      return std::tie(end, other.first) < std::tie(other.end, first);
    }
  };
  std::priority_queue<Entry> queue;
  std::vector<int> begin_of(static_cast<size_t>(n) + 1, -1);
  std::vector<Cost> cost(static_cast<size_t>(n) + 1);
  const auto expand = [&](int first) {
    for (int end = first + 1; end <= last_end(first); ++end) {
      if (simulator_.least_bytes(first, end, options_.input_rows) > limit) continue;
      Cost with = cost[static_cast<size_t>(first)];
      with.cycles += overhead(first, end);
      queue.push({with, first, end, false});
    }
  };
  if (n > 0) expand(0);
  // Per beginning: the end from where on runs need too much to begin.
  std::vector<int> too_long(static_cast<size_t>(n) + 1, n + 1);
  while (!queue.empty() && begin_of[static_cast<size_t>(n)] < 0) {
    Entry entry = queue.top();
    queue.pop();
    if (begin_of[static_cast<size_t>(entry.end)] >= 0 ||
        entry.end >= too_long[static_cast<size_t>(entry.first)])
      continue;
    if (!entry.simulated) {
      const Candidate& candidate = evaluate(entry.first, entry.end, limit);
      if (candidate.to_begin > limit) too_long[static_cast<size_t>(entry.first)] = entry.end;
      if (candidate.bytes > limit) continue;
      if (still && candidate.apart > limit && candidate.shift > 0) {
        entry.cost.shift += candidate.shift;
        entry.simulated = true;
        queue.push(entry);
        continue;
      }
    }
    begin_of[static_cast<size_t>(entry.end)] = entry.first;
    cost[static_cast<size_t>(entry.end)] = entry.cost;
    if (entry.end < n) expand(entry.end);
  }
  if (begin_of[static_cast<size_t>(n)] < 0) return std::nullopt;
  std::vector<int> begins;
  for (int end = n; end > 0; end = begin_of[static_cast<size_t>(end)])
    begins.push_back(begin_of[static_cast<size_t>(end)]);
  std::reverse(begins.begin(), begins.end());
  return assembled(begins);
}

Partition PartitionSearch::assembled(const std::vector<int>& begins) const {
  Partition partition;
  for (size_t i = 0; i < begins.size(); ++i) {
    const int first = begins[i];
    const int end = i + 1 < begins.size() ? begins[i + 1] : ops();
    const Candidate& candidate =
        candidates_[static_cast<size_t>(first)][static_cast<size_t>(end - first - 1)];
    RunSpec run = spec(first, end);
    run.bottom_up = candidate.bottom_up;
    partition.runs.push_back(run);
    partition.bytes = std::max(partition.bytes, candidate.bytes);
    partition.overhead += overhead(first, end);
  }
  return partition;
}

std::optional<Partition> PartitionSearch::cheapest(int64_t limit, bool still) {
  if (ops() == 0) return Partition{};
  std::optional<Partition> best = cheapest_once(limit, still);
  while (best && !still) {
    std::optional<Partition> smaller = cheapest_once(best->bytes - 1, still);
    if (!smaller || smaller->overhead > best->overhead) break;
    best = std::move(smaller);
  }
  return best;
}

}  // namespace mcunet::compiler
