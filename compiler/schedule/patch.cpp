#include "compiler/schedule/patch.h"

#include <algorithm>
#include <limits>

#include "compiler/cost/cycles.h"
#include "compiler/schedule/frame.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/movement.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr RowRange kNothing{std::numeric_limits<int32_t>::max(), 0};

// ---- what an operator needs, across
// ------------------------------------------------------------------------------

RowInput columns_through(int32_t width, int32_t stride, int32_t offset, int32_t window) {
  RowInput columns;
  columns.rows.height = width;
  columns.stride = stride;
  columns.offset = offset;
  columns.window = window;
  return columns;
}

bool repeats_over_image(const Shape& operand) {
  const size_t rank = operand.size();
  return rank <= 4 && (rank < 2 || operand[rank - 2] == 1) && (rank < 3 || operand[rank - 3] == 1);
}

bool is_image(const Tensor& tensor) { return tensor.shape.size() == 4 && tensor.shape[0] == 1; }

// The columns of the input that the operator reads; throws what hinders it as a text.
RowInput columns_of(const Graph& graph, const Op& op, TensorId id) {
  const Shape& x = graph.tensor(id).shape;
  const Shape& y = graph.output(op).shape;
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D: {
      const auto& attrs = op.as<ConvAttrs>();
      return columns_through(attrs.planar_input ? x[3] : x[2], attrs.stride_w, -attrs.padding.left,
                             (graph.input(op, 1).shape[2] - 1) * attrs.dilation_w + 1);
    }
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D: {
      const auto& attrs = op.as<PoolAttrs>();
      return columns_through(x[2], attrs.stride_w, -attrs.padding.left, attrs.filter_w);
    }
    case OpKind::ResizeNearestNeighbor: {
      RowInput columns = columns_through(x[2], 1, 0, 1);
      for (int32_t i = 0; i < y[2]; ++i)
        columns.map.push_back(reference::nearest_index(i, x[2], y[2], op.as<ResizeAttrs>()));
      return columns;
    }
    default:  // at the same place, or the only column for all
      return x[2] == y[2] ? columns_through(x[2], 1, 0, 1) : columns_through(x[2], 0, 0, x[2]);
  }
}

bool is_tiled_kind(const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D:
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
    case OpKind::ResizeNearestNeighbor:
      return true;
    case OpKind::Concatenation:
      return op.as<AxisAttrs>().axis == 3;
    default:
      return operator_info(op.kind).elementwise;
  }
}

// ---- the operators at the beginning
// ------------------------------------------------------------------------------

class HeadBuilder {
 public:
  HeadBuilder(const Graph& graph, const RowGraph& rows) : graph_(graph), rows_(rows) {}

  PatchHead run() {
    for (size_t i = 0; i < graph_.ops.size(); ++i) {
      const std::string hindrance = add(graph_.ops[i], rows_.ops[i]);
      if (!hindrance.empty()) {
        head_.stopped = describe(graph_.ops[i]) + " " + hindrance;
        break;
      }
      head_.uncut.push_back(going_on(static_cast<int>(i) + 1));
      if (head_.uncut.back().empty()) head_.cuts.push_back(static_cast<int>(i) + 1);
    }
    return std::move(head_);
  }

 private:
  const Storage& storage(TensorId id) const {
    return rows_.storages[static_cast<size_t>(rows_.storage_of(id))];
  }

  // What hinders it, or nothing.
  std::string add(const Op& op, const RowOp& row) {
    PatchOp out;
    if (op.kind == OpKind::Reshape && !row.inputs.empty()) {
      if (storage(op.inputs[0]).producer >= 0) return "changes the shape of an image";
      out.calls = 0;
      head_.ops.push_back(std::move(out));
      return "";
    }
    const Tensor& y = graph_.output(op);
    if (!is_tiled_kind(op) || row.inputs.empty()) return "cannot be made patch by patch";
    if (!is_image(y) || !row.by_rows) return "does not make one image of height, width, channels";
    if (row.sums > 0) return "takes in the whole image";
    for (const TensorId id : op.inputs) {
      const Tensor& x = graph_.tensor(id);
      if (!x.is_constant() || op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D)
        continue;
      if (op.kind == OpKind::Concatenation || !repeats_over_image(x.shape))
        return "has a constant operand as large as an image";
    }
    for (const RowInput& rows : row.inputs) {
      const Tensor& x = graph_.tensor(rows.tensor);
      if (!is_image(x)) return "has an operand of other dimensions than its output";
      PatchInput input;
      input.tensor = rows.tensor;
      input.producer = storage(rows.tensor).producer;
      input.rows = rows;
      input.columns = columns_of(graph_, op, rows.tensor);
      const bool planar = op.kind == OpKind::Conv2D && op.as<ConvAttrs>().planar_input;
      if (planar && input.producer >= 0)
        return "reads planes that are not the network's input (--input-layout nhwc would help)";
      const auto bytes = static_cast<int64_t>(x.byte_size());
      input.column_bytes = bytes / (planar ? x.elements() : int64_t{x.shape[1]} * x.shape[2]);
      out.inputs.push_back(std::move(input));
    }
    out.height = y.shape[1];
    out.width = y.shape[2];
    out.column_bytes = static_cast<int64_t>(y.byte_size()) / (int64_t{out.height} * out.width);
    out.last_use = storage(op.outputs[0]).last_use;
    out.scratch = row.scratch;
    out.calls = row.calls;
    head_.ops.push_back(std::move(out));
    return "";
  }

  // What else than the output of the last of the first `ops` operators is needed behind them.
  std::string going_on(int ops) const {
    if (head_.ops.back().calls == 0) return "nothing but a renamed input";
    for (const Storage& made : rows_.storages) {
      if (made.producer >= 0 && made.producer < ops - 1 && made.last_use >= ops)
        return "'" + graph_.tensor(made.tensor).name + "'";
    }
    return "";
  }

  const Graph& graph_;
  const RowGraph& rows_;
  PatchHead head_;
};

RowRange joined(const RowRange& a, const RowRange& b) {
  return {std::min(a.first, b.first), std::max(a.end, b.end)};
}

RowRange read_through(const RowInput& input, const RowRange& made) {
  return {input.low(made.first), input.high(made.end - 1)};
}

// "1 to 3, 7"
std::string list_of(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]);
    if (last > i) text += (last == i + 1 ? ", " : " to ") + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

int64_t sum_of(const std::vector<RowRange>& ranges, size_t op, int32_t parts) {
  int64_t sum = 0;
  for (int32_t i = 0; i < parts; ++i) {
    const RowRange& range = ranges[op * static_cast<size_t>(parts) + static_cast<size_t>(i)];
    sum += range.end - range.first;
  }
  return sum;
}

int32_t largest_of(const std::vector<RowRange>& ranges, size_t op, int32_t parts) {
  int32_t most = 0;
  for (int32_t i = 0; i < parts; ++i) {
    const RowRange& range = ranges[op * static_cast<size_t>(parts) + static_cast<size_t>(i)];
    most = std::max(most, range.end - range.first);
  }
  return most;
}

// One time per operator; it is what an operator makes that stays until it is read for the last
// time.
void place_tiles(PatchPart& part) {
  std::vector<BufferRequest> requests;
  const auto count = part.ops.size();
  for (size_t i = 0; i < count; ++i) {
    const PatchOp& op = part.ops[i];
    const int time = static_cast<int>(i);
    const bool whole = i + 1 == count || op.calls == 0;
    requests.push_back(
        {whole ? 0 : part.tiles[i].height * part.tiles[i].pitch, time, whole ? time : op.last_use});
  }
  for (size_t i = 0; i < count; ++i)
    requests.push_back({part.ops[i].scratch, static_cast<int>(i), static_cast<int>(i)});
  const MemoryPlan plan = plan_offsets(requests);
  for (size_t i = 0; i < count; ++i) {
    part.tiles[i].offset = plan.offsets[i];
    part.scratch.push_back(plan.offsets[count + i]);
  }
  part.tile_bytes = plan.arena;
}

}  // namespace

PatchHead patch_head(const Graph& graph, const RowGraph& rows) {
  return HeadBuilder(graph, rows).run();
}

std::vector<RowRange> patch_ranges(const PatchHead& head, int count, int32_t parts,
                                   RowInput PatchInput::*axis) {
  const auto n = static_cast<size_t>(parts);
  std::vector<RowRange> ranges(static_cast<size_t>(count) * n, kNothing);
  const PatchOp& last = head.ops[static_cast<size_t>(count) - 1];
  const int64_t extent = axis == &PatchInput::rows ? last.height : last.width;
  for (size_t part = 0; part < n; ++part) {
    const auto i = static_cast<int64_t>(part);
    ranges[(static_cast<size_t>(count) - 1) * n + part] = {
        static_cast<int32_t>(i * extent / parts), static_cast<int32_t>((i + 1) * extent / parts)};
  }
  for (auto op = static_cast<size_t>(count); op-- > 0;) {
    for (size_t part = 0; part < n; ++part) {
      RowRange& made = ranges[op * n + part];
      if (head.ops[op].calls == 0) {
        made = {};
        continue;
      }
      if (made.first >= made.end) return {};
      for (const PatchInput& input : head.ops[op].inputs) {
        const RowRange read = read_through(input.*axis, made);
        if (read.first >= read.end) return {};
        if (input.producer < 0) continue;
        RowRange& source = ranges[static_cast<size_t>(input.producer) * n + part];
        source = joined(source, read);
      }
    }
  }
  return ranges;
}

void require_patches(const Graph& graph, const PatchHead& head, const PatchGrid& grid) {
  const auto refuse = [&](const std::string& why) {
    const std::string text = grid_text(grid);
    throw Error(ErrorKind::Usage,
                "--schedule patch" + (text.empty() ? "" : "=" + text) + ": " + why);
  };
  const std::string stopped = head.stopped.empty() ? "" : "; " + head.stopped;
  if (head.cuts.empty()) refuse("this network's beginning cannot be made patch by patch" + stopped);
  const std::string possible = "; possible are the first " + list_of(head.cuts) + stopped;
  if (grid.ops > static_cast<int>(graph.ops.size()))
    refuse("the network has " + std::to_string(graph.ops.size()) + " operators" + possible);
  if (grid.ops > static_cast<int>(head.ops.size()))
    refuse("only the first " + std::to_string(head.ops.size()) +
           " operators can be made patch by patch" + possible);
  if (grid.ops > 0 && !head.uncut[static_cast<size_t>(grid.ops) - 1].empty()) {
    refuse("the operators behind the first " + std::to_string(grid.ops) +
           " need more than the last one's output: " +
           head.uncut[static_cast<size_t>(grid.ops) - 1] + possible);
  }
  const auto allows = [&](int ops) {
    const PatchOp& op = head.ops[static_cast<size_t>(ops) - 1];
    return grid.rows <= op.height && grid.columns <= op.width;
  };
  if (grid.ops > 0 && !allows(grid.ops)) {
    const PatchOp& op = head.ops[static_cast<size_t>(grid.ops) - 1];
    refuse("more patches than pixels: the output of operator " + std::to_string(grid.ops) +
           " has " + std::to_string(op.height) + "x" + std::to_string(op.width));
  }
  if (std::none_of(head.cuts.begin(), head.cuts.end(), allows))
    refuse("no output is that large" + possible);
}

RowRange PatchPart::made(int op, int32_t column) const {
  return columns[static_cast<size_t>(op) * static_cast<size_t>(grid.columns) +
                 static_cast<size_t>(column)];
}

RowRange PatchPart::read(int op, const PatchInput& input, int32_t column) const {
  return read_through(input.columns, made(op, column));
}

PatchPart patch_part(const Graph& graph, const RowGraph& rows, const PatchGrid& grid) {
  PatchHead head = patch_head(graph, rows);
  require_patches(graph, head, grid);
  PatchPart part;
  part.grid = grid;
  part.rows = patch_ranges(head, grid.ops, grid.rows, &PatchInput::rows);
  part.columns = patch_ranges(head, grid.ops, grid.columns, &PatchInput::columns);
  if (part.rows.empty() || part.columns.empty()) {
    throw Error(ErrorKind::Usage, "--schedule patch=" + grid_text(grid) +
                                      ": a patch would read nothing but padding; fewer patches or "
                                      "operators would do");
  }
  head.ops.resize(static_cast<size_t>(grid.ops));
  part.ops = std::move(head.ops);
  for (size_t i = 0; i < part.ops.size(); ++i) {
    PatchTile tile;
    tile.height = largest_of(part.rows, i, grid.rows);
    tile.pitch = largest_of(part.columns, i, grid.columns) * part.ops[i].column_bytes;
    part.tiles.push_back(tile);
  }
  place_tiles(part);
  return part;
}

int64_t recomputed_macs(const Graph& graph, const PatchPart& part) {
  int64_t total = 0;
  for (size_t i = 0; i < part.ops.size(); ++i) {
    const int64_t pixels = int64_t{part.ops[i].height} * part.ops[i].width;
    if (pixels == 0) continue;
    const int64_t made =
        sum_of(part.rows, i, part.grid.rows) * sum_of(part.columns, i, part.grid.columns);
    total += macs(graph, graph.ops[i]) / pixels * (made - pixels);
  }
  return std::max<int64_t>(total, 0);  // less where strides leave pixels out that nobody needs
}

int64_t patch_overhead(const Graph& graph, const PatchPart& part) {
  double cycles = 0;
  for (size_t i = 0; i < part.ops.size(); ++i) {
    const double pixels = static_cast<double>(part.ops[i].height) * part.ops[i].width;
    if (pixels == 0) continue;
    const int64_t steps = sum_of(part.rows, i, part.grid.rows);
    const auto made = static_cast<double>(steps * sum_of(part.columns, i, part.grid.columns));
    cycles += static_cast<double>(estimated_cycles(graph, graph.ops[i], "cortex-m7")) *
              (made / pixels - 1);
    cycles += static_cast<double>(kCyclesPerStep * part.ops[i].calls * steps * part.grid.columns);
  }
  return std::max<int64_t>(static_cast<int64_t>(cycles), 0);
}

Schedule frame_patches(const Graph& graph, const RowGraph& rows, const PatchPart& part) {
  Partition layers;
  for (int op = 0; op < static_cast<int>(graph.ops.size()); ++op) {
    RunSpec run;
    run.first = op;
    run.end = op + 1;
    layers.runs.push_back(run);
  }
  // Of the layers those in the patches become one, and so do their times.
  Schedule schedule = frame(graph, rows, layers);
  const int ops = part.grid.ops;
  const auto time = [ops](int layer) {
    return layer <= ops ? std::min(layer, 1) : layer - ops + 1;
  };
  std::vector<BufferId> renamed;
  std::vector<Buffer> buffers;
  for (Buffer& buffer : schedule.buffers) {
    const bool inside = buffer.first >= 1 && buffer.last <= ops;
    renamed.push_back(inside ? -1 : static_cast<BufferId>(buffers.size()));
    if (inside) continue;
    buffer.first = time(buffer.first);
    buffer.last = time(buffer.last);
    buffers.push_back(std::move(buffer));
  }
  const auto rename = [&](BufferId id) { return id < 0 ? id : renamed[static_cast<size_t>(id)]; };
  std::vector<OverlapRule> overlaps;
  for (const OverlapRule& rule : schedule.overlaps) {
    const BufferId under = rename(static_cast<BufferId>(rule.under));
    const BufferId over = rename(static_cast<BufferId>(rule.over));
    if (under < 0 || over < 0 || buffers[static_cast<size_t>(over)].first <= 1) continue;
    overlaps.push_back(
        {static_cast<size_t>(under), static_cast<size_t>(over), rule.distance, rule.below});
  }
  for (Placement& place : schedule.placements) place.buffer = rename(place.buffer);

  Run run;
  run.kind = RunKind::Patches;
  run.end_op = static_cast<size_t>(ops);
  run.patch_columns = part.grid.columns;
  for (size_t patch = 0; patch < static_cast<size_t>(part.grid.rows); ++patch) {
    run.patch_rows.emplace_back();
    for (size_t i = 0; i < part.ops.size(); ++i)
      run.patch_rows.back().push_back(part.rows[i * static_cast<size_t>(part.grid.rows) + patch]);
  }
  for (const PatchOp& op : part.ops) run.rows.push_back(op.height);
  run.sums.assign(part.ops.size(), -1);
  if (part.tile_bytes > 0) {
    run.scratch = static_cast<BufferId>(buffers.size());
    buffers.push_back({"tiles", part.tile_bytes, 1, 1, false});
    for (size_t i = 0; i + 1 < part.ops.size(); ++i) {
      if (part.ops[i].calls == 0) continue;
      schedule.placements[static_cast<size_t>(graph.ops[i].outputs[0])] = {
          run.scratch, part.tiles[i].offset, part.tiles[i].height, part.tiles[i].pitch};
    }
  }
  std::vector<Run> runs = {std::move(run)};
  for (size_t i = static_cast<size_t>(ops); i < schedule.runs.size(); ++i) {
    schedule.runs[i].scratch = rename(schedule.runs[i].scratch);
    runs.push_back(std::move(schedule.runs[i]));
  }
  schedule.kind = "patch";
  schedule.buffers = std::move(buffers);
  schedule.overlaps = std::move(overlaps);
  schedule.runs = std::move(runs);
  return schedule;
}

// ---- text
// --------------------------------------------------------------------------------------------------------

std::string grid_text(const PatchGrid& grid) {
  std::string text;
  if (grid.rows > 0) text = std::to_string(grid.rows) + "x" + std::to_string(grid.columns);
  if (grid.ops > 0) text += "@" + std::to_string(grid.ops);
  return text;
}

PatchGrid parse_patch_grid(const std::string& text) {
  PatchGrid grid;
  size_t at = 0;
  bool good = true;
  // No grid has more than 9,999 of anything.
  const auto number = [&] {
    int32_t value = 0;
    const size_t first = at;
    while (at < text.size() && at < first + 4 && text[at] >= '0' && text[at] <= '9')
      value = value * 10 + (text[at++] - '0');
    good = good && value > 0;
    return value;
  };
  const auto sign = [&](char c) {
    const bool there = at < text.size() && text[at] == c;
    if (there) ++at;
    return there;
  };
  if (text.empty() || text[0] != '@') {
    grid.rows = number();
    good = sign('x') && good;
    grid.columns = number();
  }
  if (sign('@')) grid.ops = number();
  if (!good || at != text.size()) {
    throw Error(ErrorKind::Usage, "--schedule patch=" + text +
                                      ": not a grid such as 4x4@12 (rows x columns of patches @ "
                                      "operators), 4x4 or @12");
  }
  return grid;
}

}  // namespace mcunet::compiler
