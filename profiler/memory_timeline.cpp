#include "profiler/memory_timeline.h"

#include <algorithm>
#include <optional>

namespace mcunet {
namespace {

using compiler::BufferId;
using compiler::RowInput;
using compiler::Run;
using compiler::RunKind;
using compiler::Storage;

// One operator makes one row; or a row of the network's input is taken.
struct Turn {
  int op = -1;  // of the graph
  int32_t row = 0;
};

struct Bytes {
  int64_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
  bool operator!=(const Bytes& other) const {
    return empty() != other.empty() || (!empty() && (begin != other.begin || end != other.end));
  }
};

Bytes hull(const Bytes& a, const Bytes& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

std::vector<Turn> turns_of(const Run& run) {
  std::vector<Turn> turns;
  const auto op = [&](size_t i) { return static_cast<int>(run.first_op + i); };
  switch (run.kind) {
    case RunKind::Whole:
      for (int32_t row = 0; row < (run.rows.empty() ? 1 : run.rows[0]); ++row)
        turns.push_back({op(0), row});
      break;
    case RunKind::Rows: {
      std::vector<int32_t> made(run.rows.size(), 0);
      for (const uint8_t step : run.order) {
        if (step == compiler::kInputRow) {
          turns.push_back({});
          continue;
        }
        const int32_t row = made[step]++;
        turns.push_back({op(step), run.bottom_up ? run.rows[step] - 1 - row : row});
      }
      break;
    }
    case RunKind::Patches:
      for (const std::vector<compiler::RowRange>& grid_row : run.patch_rows) {
        for (int32_t column = 0; column < run.patch_columns; ++column) {
          for (size_t i = 0; i < grid_row.size(); ++i) {
            for (int32_t row = grid_row[i].first; row < grid_row[i].end; ++row)
              turns.push_back({op(i), row});
          }
        }
      }
      break;
  }
  return turns;
}

class Timeline {
 public:
  Timeline(const compiler::CompiledModel& model, const compiler::RowGraph& rows, size_t run)
      : model_(model), rows_(rows), run_(model.schedule.runs[run]), turns_(turns_of(run_)) {}

  RunTimeline build() {
    result_.turns = std::max<int32_t>(1, static_cast<int32_t>(turns_.size()));
    for (const Storage& storage : rows_.storages) {
      const auto& place = model_.schedule.placements[static_cast<size_t>(storage.tensor)];
      if (place.buffer < 0 || place.ring > 0 || place.pitch > 0) continue;
      const bool made = in_run(storage.producer);
      const bool dies = !storage.output && in_run(storage.last_use) && !made;
      if (!made && !dies) continue;
      if (run_.kind == RunKind::Whole && !overlaps(place.buffer, made)) continue;
      add(place.buffer, made ? written(storage) : needed(storage));
    }
    return std::move(result_);
  }

 private:
  bool in_run(int op) const {
    return op >= static_cast<int>(run_.first_op) && op < static_cast<int>(run_.end_op);
  }

  // Whether the buffer shares bytes with another one by a rule: as the output, or as the input.
  bool overlaps(BufferId id, bool as_output) const {
    const auto& offsets = model_.plan.offsets;
    const auto& buffers = model_.schedule.buffers;
    for (const compiler::OverlapRule& rule : model_.schedule.overlaps) {
      if ((as_output ? rule.over : rule.under) != static_cast<size_t>(id)) continue;
      if (offsets[rule.under] < offsets[rule.over] + buffers[rule.over].bytes &&
          offsets[rule.over] < offsets[rule.under] + buffers[rule.under].bytes)
        return true;
    }
    return false;
  }

  // Per turn the rows that were written until its end.
  std::vector<Bytes> written(const Storage& storage) const {
    const compiler::RowOp& op = rows_.ops[static_cast<size_t>(storage.producer)];
    const bool by_rows = op.by_rows && op.sums == 0 && op.steps == op.output.height;
    int32_t left =
        static_cast<int32_t>(std::count_if(turns_.begin(), turns_.end(), [&](const Turn& turn) {
          return turn.op == storage.producer;
        }));
    std::vector<Bytes> live(turns_.size());
    Bytes so_far;
    for (size_t i = 0; i < turns_.size(); ++i) {
      if (turns_[i].op == storage.producer) {
        --left;
        const int64_t begin = turns_[i].row * op.output.pitch;
        if (by_rows)
          so_far = hull(so_far, {begin, begin + op.output.pitch});
        else if (op.sums == 0 || left == 0)
          so_far = {0, storage.bytes};
      }
      live[i] = so_far;
    }
    return live;
  }

  // Per turn the rows that it or a later one reads.
  std::vector<Bytes> needed(const Storage& storage) const {
    std::vector<Bytes> live(turns_.size());
    Bytes from_here;
    for (size_t i = turns_.size(); i-- > 0;) {
      if (turns_[i].op >= 0) {
        for (const RowInput& input : rows_.ops[static_cast<size_t>(turns_[i].op)].inputs) {
          if (&rows_.storages[static_cast<size_t>(rows_.storage_of(input.tensor))] != &storage)
            continue;
          from_here = hull(from_here, {input.low(turns_[i].row) * input.rows.pitch,
                                       input.high(turns_[i].row) * input.rows.pitch});
        }
      }
      live[i] = from_here;
    }
    return live;
  }

  void add(BufferId id, const std::vector<Bytes>& live) {
    std::vector<LiveRange>& ranges = result_.partial[id];
    const int64_t size = model_.schedule.buffers[static_cast<size_t>(id)].bytes;
    std::optional<Bytes> last;
    for (size_t i = 0; i < live.size(); ++i) {
      const Bytes now{std::clamp<int64_t>(live[i].begin, 0, size),
                      std::clamp<int64_t>(live[i].end, 0, size)};
      if (last && !(*last != now)) continue;
      last = now;
      ranges.push_back(now.empty() ? LiveRange{static_cast<int32_t>(i), 0, 0}
                                   : LiveRange{static_cast<int32_t>(i), now.begin, now.end});
    }
  }

  const compiler::CompiledModel& model_;
  const compiler::RowGraph& rows_;
  const Run& run_;
  std::vector<Turn> turns_;
  RunTimeline result_;
};

}  // namespace

RunTimeline run_timeline(const compiler::CompiledModel& model, const compiler::RowGraph& rows,
                         size_t run) {
  return Timeline(model, rows, run).build();
}

}  // namespace mcunet
