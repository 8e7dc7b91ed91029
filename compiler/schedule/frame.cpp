#include "compiler/schedule/frame.h"

#include <algorithm>

namespace mcunet::compiler {
namespace {

class Framer {
 public:
  Framer(const Graph& graph, const RowGraph& rows, const Partition& partition)
      : graph_(graph), rows_(rows), partition_(partition), simulator_(rows) {}

  Schedule run() {
    find_times();
    buffer_of_.assign(rows_.storages.size(), -1);
    ring_of_.assign(rows_.storages.size(), 0);
    for (const Storage& storage : rows_.storages) {
      if (storage.producer < 0 && !in_ring(storage)) add_whole(storage);
    }
    for (size_t i = 0; i < partition_.runs.size(); ++i)
      add_run(partition_.runs[i], static_cast<int>(i) + 1);
    place_tensors();
    return std::move(schedule_);
  }

 private:
  // Run i goes on at time i + 1.
  void find_times() {
    time_of_op_.assign(graph_.ops.size() + 1, static_cast<int>(partition_.runs.size()) + 1);
    int time = 0;
    for (const RunSpec& run : partition_.runs) {
      ++time;
      for (int op = run.first; op < run.end; ++op) time_of_op_[static_cast<size_t>(op)] = time;
      schedule_.input_rows = schedule_.input_rows || run.input_rows;
    }
  }

  int time_of(int op) const { return op < 0 ? 0 : time_of_op_[static_cast<size_t>(op)]; }

  bool in_ring(const Storage& storage) const {
    return schedule_.input_rows && &storage == &rows_.storages.front();
  }

  std::string name_of(TensorId id) const {
    const std::string& name = graph_.tensor(id).name;
    return name.empty() ? "tensor" + std::to_string(id) : name;
  }

  BufferId add_buffer(std::string name, int64_t bytes, int first, int last, bool scratch) {
    schedule_.buffers.push_back({std::move(name), bytes, first, last, scratch});
    return static_cast<BufferId>(schedule_.buffers.size() - 1);
  }

  void add_whole(const Storage& storage) {
    const int first = time_of(storage.producer);
    buffer_of_[static_cast<size_t>(&storage - rows_.storages.data())] = add_buffer(
        name_of(storage.tensor), static_cast<int64_t>(graph_.tensor(storage.tensor).byte_size()),
        first, std::max(first, time_of(storage.last_use)), false);
  }

  void add_run(const RunSpec& spec, int time) {
    const RunShape& shape = simulator_.simulate(spec);
    for (const Ring& ring : shape.rings) {
      const auto id = static_cast<size_t>(ring.storage);
      buffer_of_[id] =
          add_buffer(name_of(rows_.storages[id].tensor), ring.bytes, time, time, false);
      ring_of_[id] = ring.rows;
    }
    for (int op = spec.first; op < spec.end; ++op) {
      for (const StorageId id : simulator_.made_by(op)) {
        if (buffer_of_[static_cast<size_t>(id)] < 0)
          add_whole(rows_.storages[static_cast<size_t>(id)]);
      }
    }
    for (const Overlap& overlap : shape.overlaps) {
      schedule_.overlaps.push_back(
          {static_cast<size_t>(buffer_of_[static_cast<size_t>(overlap.input)]),
           static_cast<size_t>(buffer_of_[static_cast<size_t>(overlap.output)]), overlap.distance,
           overlap.below});
    }
    Run run;
    run.kind = spec.kind;
    run.first_op = static_cast<size_t>(spec.first);
    run.end_op = static_cast<size_t>(spec.end);
    run.bottom_up = spec.bottom_up;
    if (shape.scratch > 0)
      run.scratch = add_buffer("scratch" + std::to_string(time), shape.scratch, time, time, true);
    for (int op = spec.first; op < spec.end; ++op) {
      const RowOp& row = rows_.ops[static_cast<size_t>(op)];
      run.rows.push_back(row.steps);
      const bool sums = spec.kind == RunKind::Rows && row.sums > 0;
      run.sums.push_back(sums ? add_buffer("sums" + std::to_string(op), row.sums, time, time, true)
                              : -1);
    }
    if (spec.kind == RunKind::Rows) run.order = shape.order;
    schedule_.runs.push_back(std::move(run));
  }

  void place_tensors() {
    schedule_.placements.assign(graph_.tensors.size(), {});
    for (size_t i = 0; i < graph_.tensors.size(); ++i) {
      const StorageId storage = rows_.storage_of(static_cast<TensorId>(i));
      if (storage < 0) continue;
      Placement& place = schedule_.placements[i];
      place.buffer = buffer_of_[static_cast<size_t>(storage)];
      place.ring = ring_of_[static_cast<size_t>(storage)];
      if (place.ring > 0) {
        const Tensor& tensor = graph_.tensor(static_cast<TensorId>(i));
        place.pitch = static_cast<int64_t>(tensor.byte_size()) / tensor.shape[1];
      }
    }
  }

  const Graph& graph_;
  const RowGraph& rows_;
  const Partition& partition_;
  RunSimulator simulator_;
  Schedule schedule_;
  std::vector<int> time_of_op_;
  std::vector<BufferId> buffer_of_;
  std::vector<int32_t> ring_of_;
};

}  // namespace

Schedule frame(const Graph& graph, const RowGraph& rows, const Partition& partition) {
  Schedule schedule = Framer(graph, rows, partition).run();
  const bool streams = std::any_of(schedule.runs.begin(), schedule.runs.end(),
                                   [](const Run& run) { return run.kind == RunKind::Rows; });
  schedule.kind = streams ? "stream" : "layer";
  return schedule;
}

}  // namespace mcunet::compiler
