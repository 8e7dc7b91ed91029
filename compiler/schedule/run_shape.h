// What a run of operators needs, found by letting them take turns: each operator makes its next row
// only when another one asks for it, so that the tensors between them never hold more rows than
// somebody still waits for (sliding windows with folded storage, as Halide calls them).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "compiler/memory/planner.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/storage.h"

namespace mcunet::compiler {

// Cycles that the turn of an operator costs beside its kernel's work: the step itself, the
// kernel's beginning, leftovers of blocks of pixels.
constexpr int64_t kCyclesPerStep = 120;

// The operators [first, end) as one run.
struct RunSpec {
  int first = 0, end = 0;
  RunKind kind = RunKind::Whole;  // or Rows
  bool bottom_up = false;         // Rows only
  bool input_rows = false;        // Rows only: the network's input is a ring that the caller fills

  int ops() const { return end - first; }
};

struct Ring {
  StorageId storage;
  int32_t rows;
  int64_t bytes;
};

// An output that may lie over an input which dies in the run; see OverlapRule.
struct Overlap {
  StorageId input, output;
  int64_t distance;
  bool below;
};

struct RunShape {
  int64_t bytes = 0;    // of the arena while the run goes on: no placement needs less
  int64_t apart = 0;    // the same if no output lay over an input
  int64_t scratch = 0;  // of the operators that need most; they take turns
  int64_t sums = 0;     // accumulators of means
  std::vector<Ring> rings;
  std::vector<Overlap> overlaps;
  std::vector<uint8_t> order;  // as in Run
};

// Whether the operators can be one run.
bool can_run(const RowGraph& graph, const RunSpec& spec);

// The storages of `graph` by the operator after which they are alive, and what that adds up to.
class Lifetimes {
 public:
  explicit Lifetimes(const RowGraph& graph);

  // Whole storages: made before operator `op` and still needed by it or later.
  int64_t bytes_before(int op) const { return before_[static_cast<size_t>(op)]; }
  const std::vector<StorageId>& made_by(int op) const { return made_by_[static_cast<size_t>(op)]; }

 private:
  std::vector<int64_t> before_;
  std::vector<std::vector<StorageId>> made_by_;
};

// Simulates runs of one graph; keeps its working memory from one to the next, since a search asks
// for thousands.
class RunSimulator {
 public:
  explicit RunSimulator(const RowGraph& graph);

  // The run's needs. One that turns out to need more than `limit` is given up: its bytes are above
  // the limit then, and the rest means nothing. The result is valid until the next call.
  const RunShape& simulate(const RunSpec& spec,
                           int64_t limit = std::numeric_limits<int64_t>::max());

  // Of the last simulation: tensors that are whole before the run, and its rings. A run with the
  // same beginning and more operators needs no less.
  int64_t bytes_to_begin() const { return begin_bytes_ + ring_bytes_; }

  const std::vector<StorageId>& made_by(int op) const { return lifetimes_.made_by(op); }

  // Bytes of the whole tensors alive while [first, end) goes on, less all that outputs could share
  // with inputs: never more than simulate().bytes, and found without a simulation.
  int64_t least_bytes(int first, int end, bool input_rows) const;

 private:
  // Someone who reads rows of a tensor: an operator of the run.
  struct Reader {
    int op;
    const RowInput* input;
  };
  struct RingState {
    StorageId storage;
    int64_t pitch;
    int32_t rows = 0;
    std::vector<Reader> readers;
  };
  // A tensor that an operator of the run asks another one (or the caller) for.
  struct Source {
    const RowInput* input;
    int producer;  // an operator of the run, or kCaller
  };
  struct OverlapCheck {
    StorageId input, output;
    int64_t input_pitch, output_pitch;
    int writer;
    int64_t distance;
    bool bound = false;  // whether any row was written before the input was used up
    std::vector<Reader> readers;
  };
  struct OpState {
    int32_t done = 0;
    int ring = -1;             // index of its output's ring
    std::vector<Source> asks;  // of others in the run
    std::vector<int> checks;   // indices of the overlaps it has to watch
    bool sink = false;         // its output is whole: all rows are made
    double scale = 0,
           lead = 0;  // row y can be made when the share y * scale + lead of the input is there
  };
  static constexpr int kCaller = -1;

  void begin(const RunSpec& spec);
  void add_readers(StorageId storage, std::vector<Reader>& readers) const;
  void make_all();
  void pull(int op, int32_t rows);
  void take_input(int32_t rows);
  void step(int op);
  void grow(RingState& ring, int32_t written);
  void check_overlap(OverlapCheck& check, int32_t y);
  void check_whole();
  void account();

  int32_t low(const RowInput& input, int op, int32_t y) const;
  int32_t high(const RowInput& input, int op, int32_t y) const;
  // The first row that somebody still needs; the largest number if nobody does.
  int32_t needed_from(const std::vector<Reader>& readers) const;
  const RowOp& row_op(int op) const { return graph_.ops[static_cast<size_t>(op)]; }
  OpState& state(int op) { return states_[static_cast<size_t>(op - spec_.first)]; }
  const OpState& state(int op) const { return states_[static_cast<size_t>(op - spec_.first)]; }
  bool is_whole(const Storage& storage) const;

  const RowGraph& graph_;
  Lifetimes lifetimes_;
  RunSpec spec_;
  RunShape shape_;
  std::vector<OpState> states_;
  std::vector<RingState> rings_;
  std::vector<OverlapCheck> checks_;
  int32_t input_done_ = 0;  // rows that the caller has given
  int input_ring_ = -1;
  int64_t limit_ = 0, begin_bytes_ = 0, whole_bytes_ = 0, most_overlap_ = 0, ring_bytes_ = 0;
  bool given_up_ = false;
};

}  // namespace mcunet::compiler
