#include "compiler/schedule/run_shape.h"

#include <algorithm>
#include <map>

namespace mcunet::compiler {
namespace {

// An output that may lie on an input, and where it ends then at most, from the input's beginning.
struct Lying {
  int64_t bytes, end;
};

// How many bytes of an input its outputs can lie on: those that must end early share the space
// before that end.
int64_t shared_bytes(int64_t input, std::vector<Lying> outputs) {
  std::sort(outputs.begin(), outputs.end(),
            [](const Lying& a, const Lying& b) { return a.end < b.end; });
  int64_t shared = 0;
  for (const Lying& output : outputs)
    shared = std::min(shared + std::min(output.bytes, output.end), output.end);
  return std::min(shared, input);
}

// One input, which the run uses up, and whose rows lie in one piece: not those of planes.
bool takes_input_rows(const RowGraph& graph, const RunSpec& spec) {
  const Storage& input = graph.storages.front();
  if (spec.first != 0 || input.producer >= 0 || input.consumers.empty() ||
      input.last_use >= spec.end)
    return false;
  if (graph.storages.size() > 1 && graph.storages[1].producer < 0) return false;
  for (const int op : input.consumers) {
    for (const RowInput& read : graph.ops[static_cast<size_t>(op)].inputs) {
      if (graph.storage_of(read.tensor) == 0 &&
          aligned(read.rows.height * read.rows.pitch) != input.bytes)
        return false;
    }
  }
  return true;
}

}  // namespace

bool can_run(const RowGraph& graph, const RunSpec& spec) {
  if (spec.kind == RunKind::Whole) return spec.ops() == 1;
  if (spec.ops() < 1 || spec.ops() >= static_cast<int>(kMaxOpsPerRun)) return false;
  for (int op = spec.first; op < spec.end; ++op) {
    if (!graph.ops[static_cast<size_t>(op)].by_rows) return false;
  }
  return !spec.input_rows || takes_input_rows(graph, spec);
}

Lifetimes::Lifetimes(const RowGraph& graph)
    : before_(graph.ops.size() + 1, 0), made_by_(graph.ops.size()) {
  std::vector<int64_t> change(graph.ops.size() + 2, 0);
  for (size_t i = 0; i < graph.storages.size(); ++i) {
    const Storage& storage = graph.storages[i];
    if (storage.producer >= 0)
      made_by_[static_cast<size_t>(storage.producer)].push_back(static_cast<StorageId>(i));
    if (storage.last_use <= storage.producer) continue;
    change[static_cast<size_t>(storage.producer) + 1] += storage.bytes;
    change[static_cast<size_t>(storage.last_use) + 1] -= storage.bytes;
  }
  int64_t alive = 0;
  for (size_t op = 0; op < before_.size(); ++op) before_[op] = alive += change[op];
}

RunSimulator::RunSimulator(const RowGraph& graph) : graph_(graph), lifetimes_(graph) {}

// Tensors that outlive the run are whole, and those that nobody in it reads.
bool RunSimulator::is_whole(const Storage& storage) const {
  return storage.last_use >= spec_.end || storage.last_use == storage.producer;
}

int64_t RunSimulator::least_bytes(int first, int end, bool input_rows) const {
  // Outputs may lie over inputs that die: the larger of the two sets of whole tensors is a bound.
  const auto whole = [&](int op) {
    const bool ring = input_rows && first == 0 && graph_.storages.front().last_use >= op;
    return lifetimes_.bytes_before(op) - (ring ? graph_.storages.front().bytes : 0);
  };
  return std::max(whole(first), whole(end));
}

int32_t RunSimulator::low(const RowInput& input, int op, int32_t y) const {
  if (!spec_.bottom_up) return input.low(y);
  return input.rows.height - input.high(row_op(op).steps - 1 - y);
}

int32_t RunSimulator::high(const RowInput& input, int op, int32_t y) const {
  if (!spec_.bottom_up) return input.high(y);
  return input.rows.height - input.low(row_op(op).steps - 1 - y);
}

void RunSimulator::add_readers(StorageId storage, std::vector<Reader>& readers) const {
  for (const int op : graph_.storages[static_cast<size_t>(storage)].consumers) {
    if (op < spec_.first || op >= spec_.end) continue;
    for (const RowInput& input : row_op(op).inputs) {
      if (graph_.storage_of(input.tensor) == storage) readers.push_back({op, &input});
    }
  }
}

void RunSimulator::begin(const RunSpec& spec) {
  spec_ = spec;
  shape_ = {};
  states_.assign(static_cast<size_t>(spec.ops()), {});
  rings_.clear();
  checks_.clear();
  input_done_ = 0;
  input_ring_ = -1;
  given_up_ = false;
  ring_bytes_ = 0;
  whole_bytes_ = begin_bytes_ = lifetimes_.bytes_before(spec.first);
  if (spec.input_rows) {
    whole_bytes_ -= graph_.storages.front().bytes;
    begin_bytes_ = whole_bytes_;
    input_ring_ = 0;
    rings_.push_back({0, 0, 0, {}});
    add_readers(0, rings_.back().readers);
    rings_.back().pitch = rings_.back().readers.front().input->rows.pitch;
  }
  std::vector<StorageId> dying, made;
  for (int op = spec.first; op < spec.end; ++op) {
    const RowOp& row = row_op(op);
    OpState& to = state(op);
    shape_.scratch = std::max(shape_.scratch, row.scratch);
    if (spec.kind == RunKind::Rows) shape_.sums += aligned(row.sums);
    for (const StorageId id : lifetimes_.made_by(op)) {
      const Storage& storage = graph_.storages[static_cast<size_t>(id)];
      if (spec.kind == RunKind::Whole || is_whole(storage)) {
        to.sink = true;
        whole_bytes_ += storage.bytes;
        made.push_back(id);
      } else {
        to.ring = static_cast<int>(rings_.size());
        rings_.push_back({id, row.output.pitch, 0, {}});
        add_readers(id, rings_.back().readers);
      }
    }
    for (const RowInput& input : row.inputs) {
      const StorageId id = graph_.storage_of(input.tensor);
      const Storage& storage = graph_.storages[static_cast<size_t>(id)];
      const double height = input.rows.height;
      const double stride = input.map.empty() ? input.stride : height / row.steps;
      if (storage.producer >= spec.first || (spec.input_rows && id == 0)) {
        const int producer = storage.producer >= spec.first ? storage.producer : kCaller;
        to.asks.push_back({&input, producer});
        if (producer != kCaller) {
          const OpState& from = state(producer);
          to.scale = std::max(to.scale, stride * from.scale);
          to.lead = std::max(to.lead, (input.offset + input.window - 1) * from.scale + from.lead);
          continue;
        }
      } else if (storage.last_use < spec.end &&
                 std::find(dying.begin(), dying.end(), id) == dying.end()) {
        dying.push_back(id);
      }
      to.scale = std::max(to.scale, stride / height);
      to.lead = std::max(to.lead, (input.offset + input.window) / height);
    }
  }
  int64_t dying_bytes = 0, made_bytes = 0;
  for (const StorageId id : dying) dying_bytes += graph_.storages[static_cast<size_t>(id)].bytes;
  for (const StorageId id : made) made_bytes += graph_.storages[static_cast<size_t>(id)].bytes;
  most_overlap_ = std::min(dying_bytes, made_bytes);
  for (const StorageId output : made) {
    for (const StorageId input : dying) {
      const int writer = graph_.storages[static_cast<size_t>(output)].producer;
      OverlapCheck check;
      check.input = input;
      check.output = output;
      check.writer = writer;
      add_readers(input, check.readers);
      check.input_pitch = check.readers.front().input->rows.pitch;
      check.output_pitch = row_op(writer).output.pitch;
      check.distance = std::numeric_limits<int64_t>::min();
      state(writer).checks.push_back(static_cast<int>(checks_.size()));
      checks_.push_back(std::move(check));
    }
  }
}

int32_t RunSimulator::needed_from(const std::vector<Reader>& readers) const {
  int32_t first = std::numeric_limits<int32_t>::max();
  for (const Reader& reader : readers) {
    const int32_t y = state(reader.op).done;
    if (y < row_op(reader.op).steps) first = std::min(first, low(*reader.input, reader.op, y));
  }
  return first;
}

// Row `written` is about to be written, over the oldest one of the ring.
void RunSimulator::grow(RingState& ring, int32_t written) {
  const int32_t needed = std::min(needed_from(ring.readers), written);
  if (written + 1 - needed <= ring.rows) return;
  ring_bytes_ -= aligned(ring.rows * ring.pitch);
  ring.rows = written + 1 - needed;
  ring_bytes_ += aligned(ring.rows * ring.pitch);
  given_up_ = whole_bytes_ - most_overlap_ + ring_bytes_ + shape_.scratch + shape_.sums > limit_;
}

// Row y of the output is written while the input is needed from some row on: it must end before
// that row begins. If the writer itself reads pixelwise, its own row does not count, only that it
// stays behind.
void RunSimulator::check_overlap(OverlapCheck& check, int32_t y) {
  const int64_t end = (int64_t{y} + 1) * check.output_pitch;
  for (const Reader& reader : check.readers) {
    const int32_t row = state(reader.op).done;
    if (row >= row_op(reader.op).steps) continue;
    const int64_t needed = low(*reader.input, reader.op, row) * check.input_pitch;
    int64_t distance = end - needed;
    if (reader.op == check.writer && reader.input->pixelwise && !spec_.bottom_up)
      distance = std::max(end - check.output_pitch - needed, end - needed - check.input_pitch);
    check.distance = std::max(check.distance, distance);
    check.bound = true;
  }
}

void RunSimulator::step(int op) {
  OpState& to = state(op);
  const RowOp& row = row_op(op);
  // A mean's output is written after its last row was read, all at once.
  const int32_t written = row.sums > 0 ? row.output.height - 1 : to.done;
  if (row.sums == 0 || to.done + 1 == row.steps) {
    if (to.ring >= 0) grow(rings_[static_cast<size_t>(to.ring)], written);
    for (const int check : to.checks) check_overlap(checks_[static_cast<size_t>(check)], written);
  }
  ++to.done;
  shape_.order.push_back(static_cast<uint8_t>(op - spec_.first));
}

void RunSimulator::take_input(int32_t rows) {
  for (; input_done_ < rows && !given_up_; ++input_done_) {
    grow(rings_[static_cast<size_t>(input_ring_)], input_done_);
    shape_.order.push_back(kInputRow);
  }
}

void RunSimulator::pull(int op, int32_t rows) {
  const OpState& to = state(op);
  while (to.done < rows && !given_up_) {
    for (const Source& source : to.asks) {
      int32_t wanted = high(*source.input, op, to.done);
      if (source.producer == kCaller) {
        if (input_done_ < wanted) take_input(wanted);
        continue;
      }
      // A mean has all of its output after its last step.
      const RowOp& producer = row_op(source.producer);
      if (producer.sums > 0 && wanted > 0) wanted = producer.steps;
      if (state(source.producer).done < wanted) pull(source.producer, wanted);
    }
    if (given_up_) return;
    step(op);
  }
}

// Where several outputs stay, their rows are made in the order in which the input allows it.
void RunSimulator::make_all() {
  std::vector<int> sinks;
  for (int op = spec_.first; op < spec_.end; ++op) {
    if (state(op).sink) sinks.push_back(op);
  }
  if (spec_.input_rows) take_input(1);  // even if padding alone makes the first rows
  while (!given_up_) {
    int next = -1;
    double earliest = 0;
    for (const int op : sinks) {
      const OpState& sink = state(op);
      if (sink.done == row_op(op).steps) continue;
      const double when = sink.done * sink.scale + sink.lead;
      if (next < 0 || when < earliest) {
        next = op;
        earliest = when;
      }
    }
    if (next < 0) break;
    pull(next, sinks.size() == 1 ? row_op(next).steps : state(next).done + 1);
  }
  // Rows of the image that no operator needs arrive all the same.
  if (spec_.input_rows && !given_up_)
    take_input(rings_[static_cast<size_t>(input_ring_)].readers.front().input->rows.height);
}

// One call makes the output whole: row by row from the top, or pixel by pixel.
void RunSimulator::check_whole() {
  const RowOp& row = row_op(spec_.first);
  for (OverlapCheck& check : checks_) {
    if (row.calls > 1) continue;
    const bool pixelwise =
        std::all_of(check.readers.begin(), check.readers.end(),
                    [](const Reader& reader) { return reader.input->pixelwise; });
    if (pixelwise) {
      check.distance = 0;
      check.bound = true;
    } else if (row.by_rows && row.sums == 0) {
      for (int32_t y = 0; y < row.steps; ++y) {
        state(spec_.first).done = y;
        check_overlap(check, y);
      }
    }
  }
}

void RunSimulator::account() {
  for (const RingState& ring : rings_)
    shape_.rings.push_back({ring.storage, ring.rows, aligned(ring.rows * ring.pitch)});
  const bool below = !spec_.bottom_up;
  std::map<StorageId, std::vector<Lying>> lying;
  for (const OverlapCheck& check : checks_) {
    if (!check.bound && spec_.kind == RunKind::Whole) continue;
    const Storage& under = graph_.storages[static_cast<size_t>(check.input)];
    const Storage& over = graph_.storages[static_cast<size_t>(check.output)];
    // Used up before the output's first row: any place will do, and a distance that is never
    // violated says so.
    int64_t distance = check.bound ? check.distance : -under.bytes;
    // From the bottom up it was counted from the last bytes of both.
    if (!below) distance += under.exact_bytes - over.exact_bytes;
    const int64_t end = (below ? over : under).bytes - aligned(distance);
    if (end <= 0) continue;  // never together
    lying[check.input].push_back({over.bytes, end});
    shape_.overlaps.push_back({check.input, check.output, distance, below});
  }
  int64_t overlap = 0;
  for (const auto& [input, outputs] : lying)
    overlap += shared_bytes(graph_.storages[static_cast<size_t>(input)].bytes, outputs);
  shape_.apart = whole_bytes_ + ring_bytes_ + aligned(shape_.scratch) + shape_.sums;
  shape_.bytes = shape_.apart - std::min(overlap, most_overlap_);
}

const RunShape& RunSimulator::simulate(const RunSpec& spec, int64_t limit) {
  limit_ = limit;
  begin(spec);
  if (spec.kind == RunKind::Whole) {
    check_whole();
  } else {
    make_all();
    if (given_up_) {
      shape_.bytes = std::numeric_limits<int64_t>::max();
      return shape_;
    }
  }
  account();
  return shape_;
}

}  // namespace mcunet::compiler
