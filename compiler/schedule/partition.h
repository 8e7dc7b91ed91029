// Where runs begin and end: a search over all ways to split the operators, in their order, into
// runs, with the exact cost of each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "compiler/schedule/run_shape.h"

namespace mcunet::compiler {

struct Partition {
  std::vector<RunSpec> runs;
  int64_t bytes = 0;     // the largest of the runs' RunShape::bytes: no placement needs less
  int64_t overhead = 0;  // cycles more than layer by layer, estimated
};

struct PartitionOptions {
  bool input_rows = false;  // the first run takes the network's input row by row
  bool streaming = true;    // false: every operator is a run of its own
};

// Remembers the runs that it has looked at: ask one object several questions.
class PartitionSearch {
 public:
  PartitionSearch(const RowGraph& graph, const PartitionOptions& options);

  // Whether there is any partition; row input needs operators at the front that work by rows.
  bool possible();
  // The least bytes that any partition needs: proved, since every way to split is considered.
  int64_t least_bytes();
  // The partition of least overhead within `bytes`, and of those that are as cheap the one with the
  // least bytes. Nothing if none fits. With `still`, what counts first is that tensors stay where
  // they are: an output that must begin before its input shifts the network through the arena, and
  // where both only fit by overlapping the shifts add up.
  std::optional<Partition> cheapest(int64_t bytes, bool still = false);

 private:
  struct Candidate {
    int64_t bytes = -1;    // as simulated, with any limit that held then; -1: not yet
    int64_t to_begin = 0;  // bound for all longer runs that begin here
    int64_t apart = 0;     // bytes if no output lay over an input
    int64_t shift = 0;     // bytes by which an output has to begin before an input
    bool exact = false;
    bool bottom_up = false;
  };

  RunSpec spec(int first, int end) const;
  void consider(const RunSpec& run, int64_t limit, Candidate& candidate);
  Candidate& evaluate(int first, int end, int64_t limit);
  std::optional<Partition> cheapest_once(int64_t bytes, bool still);
  int last_end(int first) const;
  int64_t bound_to_begin(int first, int end) const;
  int64_t overhead(int first, int end) const;
  Partition assembled(const std::vector<int>& begins) const;
  int ops() const { return static_cast<int>(graph_.ops.size()); }

  const RowGraph& graph_;
  PartitionOptions options_;
  RunSimulator simulator_;
  std::vector<int> rows_until_;    // per operator: the end of the longest run by rows from there
  std::vector<int64_t> overhead_;  // prefix sums
  std::vector<std::vector<Candidate>> candidates_;  // [first][end - first - 1]
  std::optional<int64_t> least_;
};

}  // namespace mcunet::compiler
