#include "tests/support/shadow_arena.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/movement.h"

namespace mcunet::testing {
namespace {

using compiler::Placement;
using compiler::Plan;
using compiler::Run;
using compiler::RunKind;

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

bool one_image(const Shape& shape) { return shape.size() >= 3 && shape[0] == 1; }

bool planar(const Op& op) { return op.kind == OpKind::Conv2D && op.as<ConvAttrs>().planar_input; }

// ---- what kernels promise

// MEAN and AVERAGE_POOL_2D that take in one row per step and write when all are there.
bool accumulates(const Graph& graph, const Op& op) {
  const Shape& x = graph.input(op, 0).shape;
  if (!one_image(x)) return false;
  if (op.kind == OpKind::Mean) {
    const std::vector<int32_t>& axes = op.as<ReduceAttrs>().axes;
    if (axes.size() == 1) return axes[0] == 1;
    return axes == std::vector<int32_t>{1, 2} && x.size() == 4;
  }
  if (op.kind != OpKind::AveragePool2D) return false;
  const auto& attrs = op.as<PoolAttrs>();
  return x[1] > 1 && attrs.filter_h == x[1] && attrs.filter_w == x[2] &&
         graph.output(op).elements() == x[3] && attrs.padding.none();
}

// Several kernel calls make the output, each of which goes through all rows.
bool several_calls(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D: {
      const Shape& x = graph.input(op, 0).shape;
      return (planar(op) ? x[1] : x[3]) != graph.input(op, 1).shape[3];
    }
    case OpKind::Concatenation:
      return op.inputs.size() > 1;
    default:
      return false;
  }
}

// Elements of the input and of the output that the kernel reads and then writes at once, going
// through both in increasing order; nothing where it may write before it has read what is needed.
struct Chunk {
  int64_t in = 1, out = 1;
};
std::optional<Chunk> pixelwise(const Graph& graph, const Op& op, TensorId input) {
  const Tensor& x = graph.tensor(input);
  const Tensor& y = graph.output(op);
  if (operator_info(op.kind).elementwise)
    return x.elements() == y.elements() ? std::optional<Chunk>(Chunk{}) : std::nullopt;
  if (op.kind == OpKind::Softmax) return Chunk{x.shape.back(), x.shape.back()};
  if (op.kind != OpKind::Conv2D || planar(op)) return std::nullopt;
  const auto& attrs = op.as<ConvAttrs>();
  const Shape& w = graph.input(op, 1).shape;
  const bool product = w[1] == 1 && w[2] == 1 && attrs.stride_h == 1 && attrs.stride_w == 1 &&
                       attrs.padding.none() && w[3] == x.shape[3] && w[0] <= w[3];
  return product ? std::optional<Chunk>(Chunk{w[3], w[0]}) : std::nullopt;
}

// The rows of an input that row y of the output is made from; nothing: all of it.
std::optional<std::vector<int32_t>> rows_read(const Graph& graph, const Op& op, TensorId input,
                                              int32_t y) {
  const auto window = [&](int32_t height, int32_t stride, int32_t top, int32_t kernel,
                          int32_t dilation) {
    std::vector<int32_t> rows;
    for (int32_t k = 0; k < kernel; ++k) {
      const int32_t row = y * stride - top + k * dilation;
      if (row >= 0 && row < height) rows.push_back(row);
    }
    return rows;
  };
  const Shape& x = graph.tensor(input).shape;
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D: {
      const auto& attrs = op.as<ConvAttrs>();
      return window(planar(op) ? x[2] : x[1], attrs.stride_h, attrs.padding.top,
                    graph.input(op, 1).shape[1], attrs.dilation_h);
    }
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D: {
      const auto& attrs = op.as<PoolAttrs>();
      if (accumulates(graph, op)) return std::vector<int32_t>{y};
      return window(x[1], attrs.stride_h, attrs.padding.top, attrs.filter_h, 1);
    }
    case OpKind::Mean: {
      const std::vector<int32_t>& axes = op.as<ReduceAttrs>().axes;
      const bool rows_stay = std::find(axes.begin(), axes.end(), 1) == axes.end();
      if (accumulates(graph, op) || rows_stay) return std::vector<int32_t>{y};
      return std::nullopt;
    }
    case OpKind::ResizeNearestNeighbor:
      return std::vector<int32_t>{
          reference::nearest_index(y, x[1], graph.output(op).shape[1], op.as<ResizeAttrs>())};
    case OpKind::Concatenation:
      return std::vector<int32_t>{y};
    default: {
      const Shape& out = graph.output(op).shape;
      const size_t missing = out.size() - x.size();
      const bool follows = missing <= 1 && x[1 - missing] == out[1];
      return follows ? std::optional(std::vector<int32_t>{y}) : std::nullopt;
    }
  }
}

// Whether an operator that makes its output whole goes through its rows from the top down.
bool goes_by_rows(const Graph& graph, const Op& op) {
  if (several_calls(graph, op) || accumulates(graph, op)) return false;
  const Shape& x = graph.input(op, 0).shape;
  const Shape& out = graph.output(op).shape;
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D:
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
    case OpKind::ResizeNearestNeighbor:
      return x[0] == 1;
    case OpKind::Mean: {
      const std::vector<int32_t>& axes = op.as<ReduceAttrs>().axes;
      return one_image(x) && one_image(out) &&
             std::all_of(axes.begin(), axes.end(), [](int32_t axis) { return axis >= 2; });
    }
    default:
      return operator_info(op.kind).elementwise && one_image(out);
  }
}

// ---- the arena

class Shadow {
 public:
  explicit Shadow(const Plan& plan)
      : plan_(plan), graph_(plan.graph), holds_(static_cast<size_t>(plan.memory.arena), 0) {
    root_.resize(graph_.tensors.size());
    for (size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<TensorId>(i);
    for (const Op& op : graph_.ops) {
      if (renames(op)) root_[index(op.outputs[0])] = root_[index(op.inputs[0])];
    }
  }

  void run() {
    const bool rows = plan_.schedule.input_rows;
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (i > 0 || !rows) write(graph_.inputs[i], 0, bytes(graph_.inputs[i]));
    }
    size_t next = 0;
    for (const Run& run : plan_.schedule.runs) {
      where_ = "run of operators " + std::to_string(run.first_op) + " to " +
               std::to_string(run.end_op - 1);
      if (run.first_op != next || run.end_op <= run.first_op) fail("is out of order");
      next = run.end_op;
      if (run.kind == RunKind::Whole) {
        whole(run);
      } else if (run.kind == RunKind::Rows) {
        by_rows(run);
      } else {
        fail("is of a kind that is not checked");
      }
    }
    where_ = "end";
    if (next != graph_.ops.size()) fail("operators are missing");
    if (rows && input_rows_ != graph_.tensor(graph_.inputs[0]).shape[1])
      fail("input rows are missing");
    for (const TensorId id : graph_.outputs) {
      if (!graph_.tensor(id).is_constant()) read(id, 0, bytes(id));
    }
  }

 private:
  static size_t index(TensorId id) { return static_cast<size_t>(id); }
  int64_t bytes(TensorId id) const { return static_cast<int64_t>(graph_.tensor(id).byte_size()); }
  bool renames(const Op& op) const {
    return op.kind == OpKind::Reshape && !graph_.input(op, 0).is_constant();
  }
  [[noreturn]] void fail(const std::string& what) const { throw Violation(where_ + ": " + what); }

  const Placement& placement(TensorId id) const { return plan_.schedule.placements[index(id)]; }

  // Where in the arena the byte of a tensor lies.
  int64_t address(TensorId id, int64_t offset) const {
    const Placement& place = placement(id);
    if (place.buffer < 0) fail("tensor " + std::to_string(id) + " has no place");
    const int64_t base = plan_.memory.offsets[static_cast<size_t>(place.buffer)] + place.offset;
    if (place.ring == 0) return base + offset;
    const int64_t row = offset / row_bytes(id);
    return base + row % place.ring * place.pitch + offset % row_bytes(id);
  }
  int64_t row_bytes(TensorId id) const { return bytes(id) / graph_.tensor(id).shape[1]; }

  // Calls use(address, offset, count) for stretches that lie together.
  template <typename Use>
  void stretches(TensorId id, int64_t offset, int64_t count, Use use) const {
    const bool ring = placement(id).ring > 0;
    while (count > 0) {
      const int64_t row = ring ? row_bytes(id) : 0;
      const int64_t together = ring ? std::min(count, row - offset % row) : count;
      const int64_t at = address(id, offset);
      if (at < 0 || at + together > plan_.memory.arena)
        fail("tensor " + std::to_string(id) + " leaves the arena");
      use(at, offset, together);
      offset += together;
      count -= together;
    }
  }

  static constexpr uint64_t kTensor = uint64_t{1} << 40;
  uint64_t mark(TensorId id) const {
    return (static_cast<uint64_t>(root_[index(id)]) + 1) * kTensor;
  }

  void write(TensorId id, int64_t offset, int64_t count) {
    const uint64_t tag = mark(id);
    stretches(id, offset, count, [&](int64_t at, int64_t from, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        holds_[static_cast<size_t>(at + i)] = tag + static_cast<uint64_t>(from + i);
    });
  }
  void spoil(TensorId id, int64_t offset, int64_t count) {
    stretches(id, offset, count,
              [&](int64_t at, int64_t, int64_t n) { std::fill_n(holds_.begin() + at, n, 0); });
  }
  void read(TensorId id, int64_t offset, int64_t count) const {
    const uint64_t tag = mark(id);
    stretches(id, offset, count, [&](int64_t at, int64_t from, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const uint64_t found = holds_[static_cast<size_t>(at + i)];
        if (found == tag + static_cast<uint64_t>(from + i)) continue;
        fail("reads byte " + std::to_string(from + i) + " of tensor " + std::to_string(id) +
             " at " + std::to_string(at + i) + ", where there is " +
             (found == 0 ? "garbage"
                         : "byte " + std::to_string(found % kTensor) + " of tensor " +
                               std::to_string(found / kTensor - 1)));
      }
    });
  }

  // A buffer that is no tensor's.
  void fill(compiler::BufferId buffer, uint64_t tag) {
    const auto i = static_cast<size_t>(buffer);
    const int64_t begin = plan_.memory.offsets[i];
    const int64_t count = plan_.schedule.buffers[i].bytes;
    if (begin < 0 || begin + count > plan_.memory.arena) fail("scratch leaves the arena");
    std::fill_n(holds_.begin() + begin, count, tag);
  }
  void expect(compiler::BufferId buffer, uint64_t tag) const {
    const auto i = static_cast<size_t>(buffer);
    const auto begin = holds_.begin() + plan_.memory.offsets[i];
    if (std::any_of(begin, begin + plan_.schedule.buffers[i].bytes,
                    [&](uint64_t found) { return found != tag; }))
      fail("accumulators were overwritten");
  }

  // ---- steps

  // Part y of `parts` equal ones of an operator's output: a row, or all of it.
  struct Step {
    int32_t y = 0, parts = 1;
    bool row = false;       // the part is a row: only the rows it is made from are read
    bool in_place = false;  // pixelwise kernels may overwrite what they have read
  };

  // A part of an input that is read pixelwise may be overwritten as the kernel goes on; everything
  // else must survive the whole step.
  void make(const Op& op, const Run& run, const Step& step) {
    if (run.scratch >= 0) fill(run.scratch, 0);
    const TensorId out = op.outputs[0];
    const int64_t part = bytes(out) / step.parts;
    std::vector<TensorId> beside, along;
    Chunk chunk;
    for (const TensorId id : op.inputs) {
      if (graph_.tensor(id).is_constant()) continue;
      const auto pixel = step.in_place ? pixelwise(graph_, op, id) : std::nullopt;
      (pixel ? along : beside).push_back(id);
      if (pixel) chunk = *pixel;
    }
    if (along.empty()) {
      spoil(out, step.y * part, part);
    } else {
      const int64_t width = chunk.out * bytes_of_element(out);
      for (int64_t e = 0; e * width < part; ++e) {
        for (const TensorId id : along) {
          const int64_t in_width = chunk.in * bytes_of_element(id);
          read(id, step.y * (bytes(id) / step.parts) + e * in_width, in_width);
        }
        write(out, step.y * part + e * width, width);
      }
    }
    for (const TensorId id : beside) {
      const auto needed = step.row ? rows_read(graph_, op, id, step.y) : std::nullopt;
      if (!needed) {
        read(id, 0, bytes(id));
        continue;
      }
      for (const int32_t row : *needed) read_row(op, id, row);
    }
    write(out, step.y * part, part);
  }

  int64_t bytes_of_element(TensorId id) const {
    return bytes(id) / static_cast<int64_t>(graph_.tensor(id).elements());
  }

  void read_row(const Op& op, TensorId id, int32_t row) {
    const Shape& shape = graph_.tensor(id).shape;
    if (planar(op)) {
      const int64_t width = shape[3], plane = int64_t{shape[2]} * width;
      for (int32_t c = 0; c < shape[1]; ++c) read(id, c * plane + row * width, width);
      return;
    }
    // An operand of less rank lacks the batch.
    const size_t axis =
        shape.size() < graph_.output(op).shape.size() && operator_info(op.kind).elementwise ? 0 : 1;
    const int64_t width = bytes(id) / shape[axis];
    read(id, row * width, width);
  }

  void whole(const Run& run) {
    if (run.end_op != run.first_op + 1) fail("makes several operators whole");
    const Op& op = graph_.ops[run.first_op];
    if (renames(op)) return;
    if (op.outputs.size() > 1) return make_all(op);
    if (!goes_by_rows(graph_, op)) return make(op, run, {0, 1, false, !several_calls(graph_, op)});
    const int32_t rows = graph_.output(op).shape[1];
    for (int32_t y = 0; y < rows; ++y) make(op, run, {y, rows, true, true});
  }

  void make_all(const Op& op) {
    for (const TensorId id : op.outputs) spoil(id, 0, bytes(id));
    for (const TensorId id : op.inputs) {
      if (!graph_.tensor(id).is_constant()) read(id, 0, bytes(id));
    }
    for (const TensorId id : op.outputs) write(id, 0, bytes(id));
  }

  void by_rows(const Run& run) {
    std::vector<int32_t> done(run.end_op - run.first_op, 0);
    for (const uint8_t entry : run.order) {
      if (entry == compiler::kInputRow) {
        take_input();
        continue;
      }
      if (entry >= done.size()) fail("names an operator of another run");
      turn(run, entry, done[entry]);
      ++done[entry];
    }
  }

  int32_t steps(const Op& op) const {
    return accumulates(graph_, op) ? graph_.input(op, 0).shape[1] : graph_.output(op).shape[1];
  }

  void turn(const Run& run, size_t i, int32_t done) {
    const Op& op = graph_.ops[run.first_op + i];
    const int32_t rows = steps(op);
    if (done >= rows) fail("makes too many rows");
    if (run.rows[i] != rows) fail("has another number of rows");
    const int32_t y = run.bottom_up ? rows - 1 - done : done;
    if (!accumulates(graph_, op)) {
      make(op, run, {y, rows, true, !run.bottom_up && !several_calls(graph_, op)});
      return;
    }
    if (run.scratch >= 0) fill(run.scratch, 0);
    const compiler::BufferId sums = run.sums[i];
    const uint64_t tag = std::numeric_limits<uint64_t>::max() - run.first_op - i;
    const TensorId out = op.outputs[0];
    const bool last = done + 1 == rows;
    if (last) spoil(out, 0, bytes(out));
    if (sums < 0) fail("has no accumulators");
    if (done > 0) expect(sums, tag);
    fill(sums, tag);
    read_row(op, op.inputs[0], y);
    if (last) write(out, 0, bytes(out));
  }

  void take_input() {
    const TensorId id = graph_.inputs[0];
    if (!plan_.schedule.input_rows || input_rows_ == graph_.tensor(id).shape[1])
      fail("takes a row that the input does not have");
    write(id, input_rows_++ * row_bytes(id), row_bytes(id));
  }

  const Plan& plan_;
  const Graph& graph_;
  std::vector<uint64_t> holds_;  // per byte: tensor and offset, or 0
  std::vector<TensorId> root_;   // per tensor: whose bytes it renames
  std::string where_ = "inputs";
  int32_t input_rows_ = 0;
};

}  // namespace

std::string find_violation(const Plan& plan) {
  try {
    Shadow(plan).run();
  } catch (const Violation& violation) {
    return violation.what();
  }
  return "";
}

}  // namespace mcunet::testing
