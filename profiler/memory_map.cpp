#include "profiler/memory_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/table.h"
#include "profiler/memory_timeline.h"
#include "profiler/svg.h"

namespace mcunet {
namespace {

using compiler::Buffer;
using compiler::BufferId;
using compiler::CompiledModel;
using compiler::Placement;
using compiler::Run;
using compiler::RunKind;
using svg::Tenths;

// ---- layout, in tenths of a pixel
constexpr Tenths kLeft = 900, kRight = 260, kTop = 1280, kPlotHeight = 4600, kHeadroom = 220;
constexpr Tenths kPlotWidth = 11400;
constexpr Tenths kBelow = 1500;                  // operator names and a line of explanation
constexpr Tenths kEdge = 180;                    // columns of the time before and after the runs
constexpr Tenths kLabelPitch = 135;              // between the names of two operators, at least
constexpr Tenths kMostLabels = 6;                // names that a run has room for in any case
constexpr Tenths kSmallDigit = 60, kDigit = 66;  // width of a character, generously
constexpr Tenths kLineHeight = 130;

// The wider a run's column the more rows it makes, but damped, so that small runs stay visible.
constexpr double kDamping = 0.7;

// A board whose SRAM is more than this many times the arena is not worth the space up to its limit.
constexpr double kNear = 1.35;

// Okabe and Ito's colours, which remain distinct with any kind of colour vision; blue in three
// shades, to tell a tensor from its neighbours. All inside .arena-map, so that it can stand in a
// page.
const char* const kStyle = R"(<style>
.arena-map text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:11px;fill:#1f2328}
.arena-map .title{font-size:20px;font-weight:600}
.arena-map .sub{font-size:13px}
.arena-map .muted{fill:#59636e}
.arena-map .small{font-size:10px}
.arena-map .end{text-anchor:end}
.arena-map .mid{text-anchor:middle}
.arena-map .strong{font-weight:600}
.arena-map .in{fill:#111}
.arena-map .in0{fill:#fff}
.arena-map .halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.arena-map .inring{paint-order:stroke;stroke:#e69f00;stroke-width:3px;stroke-linejoin:round}
.arena-map .background{fill:#fff}
.arena-map .grid{stroke:#d8dee4;stroke-width:.6}
.arena-map .axis{stroke:#59636e;stroke-width:1}
.arena-map .border{stroke:#1f2328;stroke-width:.5;stroke-opacity:.2}
.arena-map .a0{fill:#1b5e9e}
.arena-map .a1{fill:#8ec6f0}
.arena-map .a2{fill:#4d97d6}
.arena-map .ring{fill:#e69f00}
.arena-map .scratch{fill:#009e73}
.arena-map .shape{stroke:#fff;stroke-width:.8;stroke-linejoin:round}
.arena-map .empty{fill-opacity:.16;stroke-opacity:0}
.arena-map .slot{stroke:#111;stroke-width:.5;stroke-opacity:.45;fill:none}
.arena-map .rows{fill:#e69f00}
.arena-map .peak{fill:#d55e00}
.arena-map .peakband{fill:#d55e00;fill-opacity:.13}
.arena-map .peakline{stroke:#d55e00;stroke-width:1.2}
.arena-map .arena{stroke:#1f2328;stroke-width:1}
.arena-map .bound{stroke:#d55e00;stroke-width:1.6;stroke-dasharray:7 4;fill:none}
.arena-map .limit{stroke:#1f2328;stroke-width:1.6;stroke-dasharray:2 3}
@media screen and (prefers-color-scheme:dark){
.arena-map text{fill:#e6edf3}
.arena-map .muted{fill:#9198a1}
.arena-map .in{fill:#111}
.arena-map .in0{fill:#fff}
.arena-map .background{fill:#0d1117}
.arena-map .grid{stroke:#2a313c}
.arena-map .axis{stroke:#9198a1}
.arena-map .border{stroke:#e6edf3}
.arena-map .shape,.arena-map .halo{stroke:#0d1117}
.arena-map .arena,.arena-map .limit{stroke:#e6edf3}
.arena-map .a0{fill:#2b6cb0}
}
</style>
)";

// ---- words

std::string shape_text(const Shape& shape) {
  std::string text;
  for (size_t i = shape.size() > 1 && shape[0] == 1 ? 1 : 0; i < shape.size(); ++i)
    text += (text.empty() ? "" : "×") + std::to_string(shape[i]);
  return text;
}

std::string window_text(int32_t h, int32_t w, int32_t stride) {
  return std::to_string(h) + "×" + std::to_string(w) +
         (stride > 1 ? "/" + std::to_string(stride) : "");
}

// "3×3/2 dw": kernel, stride and kind.
std::string kernel_text(const Graph& graph, const Op& op) {
  if (const auto* conv = std::get_if<ConvAttrs>(&op.attrs)) {
    const Shape& weights = graph.input(op, 1).shape;
    return window_text(weights[1], weights[2], conv->stride_h) +
           (op.kind == OpKind::DepthwiseConv2D ? " dw" : " conv");
  }
  if (const auto* pool = std::get_if<PoolAttrs>(&op.attrs)) {
    return window_text(pool->filter_h, pool->filter_w, pool->stride_h) +
           (op.kind == OpKind::MaxPool2D ? " max" : " avg");
  }
  if (op.kind == OpKind::FullyConnected) return "dense";
  if (op.kind == OpKind::ResizeNearestNeighbor) return "resize";
  std::string name = operator_info(op.kind).name;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = ' ';
  }
  return name;
}

std::string operator_text(const Graph& graph, const Op& op) {
  return kernel_text(graph, op) + " " + shape_text(graph.output(op).shape);
}

std::string plural(int64_t count, const std::string& noun) {
  return group_digits(count) + " " + noun + (count == 1 ? "" : "s");
}

// ---- places

// What is alive of a buffer between two abscissas.
struct Segment {
  Tenths left, right, top, bottom;  // ordinates grow downwards
};

struct Area {
  Tenths left = 0, right = 0, top = 0, bottom = 0;
  Tenths width() const { return right - left; }
  Tenths height() const { return bottom - top; }
};

// The outline of adjoining segments: there along their tops, back along their bottoms.
std::string outline(const std::vector<Segment>& segments) {
  const auto move = [](char axis, Tenths from, Tenths to) {
    return from == to ? std::string() : axis + svg::number(to - from);
  };
  std::string path;
  for (size_t i = 0; i < segments.size();) {
    size_t end = i + 1;
    while (end < segments.size() && segments[end].left == segments[end - 1].right) ++end;
    Tenths x = segments[i].left, y = segments[i].top;
    path += "M" + svg::number(x) + " " + svg::number(y);
    for (size_t s = i; s < end; ++s) {
      path += move('v', y, segments[s].top) + move('h', x, segments[s].right);
      x = segments[s].right;
      y = segments[s].top;
    }
    for (size_t s = end; s-- > i;) {
      path += move('v', y, segments[s].bottom) + move('h', x, segments[s].left);
      x = segments[s].left;
      y = segments[s].bottom;
    }
    path += "z";
    i = end;
  }
  return path;
}

// The largest rectangle inside adjoining segments that is at least so wide and high.
std::optional<Area> largest_area(const std::vector<Segment>& segments, Tenths width,
                                 Tenths height) {
  std::optional<Area> best;
  for (size_t i = 0; i < segments.size(); ++i) {
    Area area{segments[i].left, segments[i].left, segments[i].top, segments[i].bottom};
    for (size_t s = i; s < segments.size() && segments[s].left == area.right; ++s) {
      area.right = segments[s].right;
      area.top = std::max(area.top, segments[s].top);
      area.bottom = std::min(area.bottom, segments[s].bottom);
      if (area.height() < height) break;
      if (area.width() < width) continue;
      if (!best || area.width() * area.height() > best->width() * best->height()) best = area;
    }
  }
  return best;
}

// The smallest round number of bytes that divides the axis into at most eight parts.
int64_t tick_bytes(int64_t most) {
  int64_t step = 16;
  while (most / step > 8) step *= 2;
  return step;
}

std::string tick_text(int64_t bytes) {
  return bytes % 1024 == 0 && bytes > 0 ? group_digits(bytes / 1024) + " KiB"
                                        : group_digits(bytes) + " B";
}

class MemoryMap {
 public:
  explicit MemoryMap(const CompiledModel& model)
      : model_(model), schedule_(model.schedule), rows_(compiler::row_graph(model.graph)) {
    for (size_t i = 0; i < schedule_.runs.size(); ++i)
      timelines_.push_back(run_timeline(model, rows_, i));
    tensor_of_.assign(schedule_.buffers.size(), -1);
    for (size_t i = schedule_.placements.size(); i-- > 0;) {
      const BufferId buffer = schedule_.placements[i].buffer;
      if (buffer >= 0) tensor_of_[static_cast<size_t>(buffer)] = static_cast<TensorId>(i);
    }
    lay_out();
    choose_shades();
  }

  std::string draw() {
    const Tenths width = right() + kRight, height = kTop + kPlotHeight + kBelow;
    out_ = "<svg class=\"arena-map\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
           svg::number(width) + " " + svg::number(height) + "\" width=\"" + svg::number(width) +
           "\" height=\"" + svg::number(height) + "\" role=\"img\">\n";
    out_ +=
        "<title>" + svg::escape("Arena of " + model_.options.name + " over time") + "</title>\n";
    out_ += kStyle;
    out_ += svg::rect(0, 0, width, height, "background");
    draw_header();
    draw_grid();
    draw_peak_band();
    draw_buffers();
    draw_runs();
    draw_limits();
    draw_peak();
    out_ += names_;
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  // ---- where things are

  // Columns by time: 0 before the first run, run i at i + 1, then the time after the last one.
  void lay_out() {
    const auto at_edge = [&](int time) {
      return std::any_of(
          schedule_.buffers.begin(), schedule_.buffers.end(),
          [&](const Buffer& buffer) { return buffer.first <= time && buffer.last >= time; });
    };
    const int last = static_cast<int>(schedule_.runs.size()) + 1;
    const Tenths before = at_edge(0) ? kEdge : 0, after = at_edge(last) ? kEdge : 0;
    std::vector<Tenths> least;
    std::vector<double> weight;
    for (size_t i = 0; i < timelines_.size(); ++i) {
      const Run& run = schedule_.runs[i];
      least.push_back(kLabelPitch *
                      std::min(static_cast<Tenths>(run.end_op - run.first_op), kMostLabels));
      weight.push_back(std::pow(timelines_[i].turns, kDamping));
    }
    const double weights = std::accumulate(weight.begin(), weight.end(), 0.0);
    const Tenths spare =
        kPlotWidth - before - after - std::accumulate(least.begin(), least.end(), Tenths{0});
    column_ = {kLeft, kLeft + before};
    Tenths fixed = column_.back();
    double shared = 0;
    for (size_t i = 0; i < timelines_.size(); ++i) {
      fixed += least[i];
      shared += weight[i];
      column_.push_back(
          fixed + std::lround(static_cast<double>(std::max<Tenths>(0, spare)) * shared / weights));
    }
    column_.push_back(column_.back() + after);

    top_bytes_ = std::max<int64_t>({model_.plan.arena, model_.sram.lower_bound, 1});
    const Board& board = model_.options.board;
    if (!board.is_host() && board.sram_bytes > 0) {
      const int64_t limit = board.sram_bytes - (model_.sram.total() - model_.sram.arena);
      if (limit > 0 && static_cast<double>(limit) <= kNear * static_cast<double>(top_bytes_)) {
        limit_ = limit;
        top_bytes_ = std::max(top_bytes_, limit);
      }
    }
  }

  Tenths left_of(int time) const { return column_[static_cast<size_t>(time)]; }
  Tenths right_of(int time) const { return column_[static_cast<size_t>(time) + 1]; }
  Tenths right() const { return std::max(column_.back(), kLeft + kPlotWidth); }
  Tenths bottom() const { return kTop + kPlotHeight; }
  Tenths y(int64_t bytes) const {
    const auto scale =
        static_cast<double>(kPlotHeight - kHeadroom) / static_cast<double>(top_bytes_);
    return bottom() - std::lround(static_cast<double>(bytes) * scale);
  }
  Tenths x(int time, int32_t turn) const {
    const int32_t turns = timelines_[static_cast<size_t>(time) - 1].turns;
    return left_of(time) + (right_of(time) - left_of(time)) * turn / turns;
  }

  // ---- buffers

  const Placement* placement(size_t buffer) const {
    const TensorId tensor = tensor_of_[buffer];
    return tensor < 0 ? nullptr : &schedule_.placements[static_cast<size_t>(tensor)];
  }

  bool is_ring(size_t buffer) const {
    const Placement* place = placement(buffer);
    return place != nullptr && (place->ring > 0 || place->pitch > 0);
  }

  // All tiles of a run of patches are one buffer.
  bool is_tiles(size_t buffer) const {
    const int time = schedule_.buffers[buffer].first;
    return is_ring(buffer) && time >= 1 && time <= static_cast<int>(schedule_.runs.size()) &&
           schedule_.runs[static_cast<size_t>(time) - 1].kind == RunKind::Patches;
  }

  bool has_run(RunKind kind) const {
    return std::any_of(schedule_.runs.begin(), schedule_.runs.end(),
                       [&](const Run& run) { return run.kind == kind; });
  }

  // A tensor should differ from those that it touches in time, most of all from what it overlaps.
  void choose_shades() {
    constexpr int kShades = 3;
    shade_.assign(schedule_.buffers.size(), 0);
    std::vector<size_t> order(schedule_.buffers.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return schedule_.buffers[a].first < schedule_.buffers[b].first;
    });
    std::vector<size_t> chosen;
    for (const size_t i : order) {
      if (schedule_.buffers[i].scratch || is_ring(i)) continue;
      int64_t penalty[kShades] = {0, 1, 1};
      for (const size_t other : chosen) {
        if (schedule_.buffers[other].last + 1 < schedule_.buffers[i].first) continue;
        penalty[shade_[other]] += overlap(i, other) ? 100 : 10;
      }
      shade_[i] = static_cast<int>(std::min_element(penalty, penalty + kShades) - penalty);
      chosen.push_back(i);
    }
  }

  bool overlap(size_t a, size_t b) const {
    const auto& offsets = model_.plan.offsets;
    return offsets[a] < offsets[b] + schedule_.buffers[b].bytes &&
           offsets[b] < offsets[a] + schedule_.buffers[a].bytes;
  }

  std::string style(size_t buffer) const {
    if (schedule_.buffers[buffer].scratch) return "scratch";
    if (is_ring(buffer)) return "ring";
    return "a" + std::to_string(shade_[buffer]);
  }

  std::string tooltip(size_t i) const {
    const Buffer& buffer = schedule_.buffers[i];
    std::string text = buffer.name;
    if (tensor_of_[i] >= 0 && !is_tiles(i))
      text += "\n" + to_string(model_.graph.tensor(tensor_of_[i]).shape);
    text += "\n" + group_digits(buffer.bytes) + " B at " + group_digits(model_.plan.offsets[i]);
    const Placement* place = placement(i);
    if (is_tiles(i)) {
      text += "\nparts of tensors, and scratch, for one patch at a time";
    } else if (place != nullptr && place->ring > 0) {
      text +=
          "\nring of " + plural(place->ring, "row") + ", " + group_digits(place->pitch) + " B each";
    }
    if (buffer.scratch) return text + "\n" + moment(buffer.first);
    return text + "\n" + moment(buffer.first) +
           (buffer.last > buffer.first ? " to " + moment(buffer.last) : "");
  }

  std::string moment(int time) const {
    if (time == 0) return "input";
    if (time > static_cast<int>(schedule_.runs.size())) return "output";
    return "run " + std::to_string(time - 1);
  }

  // What is alive of a buffer, from its first to its last column.
  std::vector<Segment> segments_of(size_t buffer) const {
    std::vector<Segment> segments;
    const int64_t offset = model_.plan.offsets[buffer];
    const auto add = [&](Tenths from, Tenths to, int64_t begin, int64_t end) {
      if (from >= to || begin >= end) return;
      const Segment next{from, to, y(offset + end), y(offset + begin)};
      Segment* last = segments.empty() ? nullptr : &segments.back();
      if (last != nullptr && last->right == from && last->top == next.top &&
          last->bottom == next.bottom) {
        last->right = to;
      } else {
        segments.push_back(next);
      }
    };
    const Buffer& it = schedule_.buffers[buffer];
    for (int time = it.first; time <= it.last; ++time) {
      const std::vector<LiveRange>* ranges = partial(buffer, time);
      if (ranges == nullptr) {
        add(left_of(time), right_of(time), 0, it.bytes);
        continue;
      }
      for (size_t i = 0; i < ranges->size(); ++i) {
        const Tenths to = i + 1 < ranges->size() ? x(time, (*ranges)[i + 1].turn) : right_of(time);
        add(x(time, (*ranges)[i].turn), to, (*ranges)[i].begin, (*ranges)[i].end);
      }
    }
    return segments;
  }

  const std::vector<LiveRange>* partial(size_t buffer, int time) const {
    if (time < 1 || time > static_cast<int>(timelines_.size())) return nullptr;
    const auto& known = timelines_[static_cast<size_t>(time) - 1].partial;
    const auto found = known.find(static_cast<BufferId>(buffer));
    return found == known.end() ? nullptr : &found->second;
  }

  void draw_buffers() {
    // Where a buffer is reserved but holds nothing yet, or nothing any more.
    for (size_t i = 0; i < schedule_.buffers.size(); ++i) {
      const Buffer& buffer = schedule_.buffers[i];
      if (partial(i, buffer.first) == nullptr && partial(i, buffer.last) == nullptr) continue;
      const Tenths top = y(model_.plan.offsets[i] + buffer.bytes);
      out_ += svg::rect(left_of(buffer.first), top, right_of(buffer.last) - left_of(buffer.first),
                        y(model_.plan.offsets[i]) - top, style(i) + " empty");
    }
    for (size_t i = 0; i < schedule_.buffers.size(); ++i) {
      if (schedule_.buffers[i].bytes == 0) continue;
      const std::vector<Segment> segments = segments_of(i);
      if (segments.empty()) continue;
      out_ += svg::path(outline(segments), "shape " + style(i), tooltip(i));
      if (is_ring(i)) draw_slots(i);
      name(i, segments);
    }
  }

  // Lines between the rows of a ring, where there is room for them.
  void draw_slots(size_t i) {
    constexpr Tenths kLeastSlot = 40;
    const Placement& place = *placement(i);
    const Buffer& buffer = schedule_.buffers[i];
    if (is_tiles(i) || place.ring < 2 || y(0) - y(place.pitch) < kLeastSlot) return;
    std::string path;
    for (int32_t row = 1; row < place.ring; ++row) {
      path += "M" + svg::number(left_of(buffer.first)) + " " +
              svg::number(y(model_.plan.offsets[i] + row * place.pitch)) + "h" +
              svg::number(right_of(buffer.last) - left_of(buffer.first));
    }
    out_ += svg::path(path, "slot");
  }

  // Kept for later, so that no line goes through them.
  void name(size_t i, const std::vector<Segment>& segments) {
    if (tensor_of_[i] < 0) return;
    const Placement& place = *placement(i);
    std::string shape = shape_text(model_.graph.tensor(tensor_of_[i]).shape);
    std::string size = group_digits(schedule_.buffers[i].bytes) + " B";
    if (is_tiles(i))
      shape = "tiles";
    else if (place.ring > 0)
      size = plural(place.ring, "row") + ", " + size;
    const std::string style_of_text = std::string("mid small in") + (style(i) == "a0" ? "0"
                                                                     : is_ring(i)     ? " inring"
                                                                                      : "");
    const auto width_of = [](const std::string& text) {
      return svg::text_length(text) * kSmallDigit;
    };
    const Tenths widest = std::max(width_of(shape) * 11 / 10, width_of(size)) + 80;
    const Tenths both = width_of(shape + " · " + size) + 80;
    const auto centre = [](Tenths a, Tenths b) { return (a + b) / 2; };
    if (const auto area = largest_area(segments, widest, 2 * kLineHeight + 40)) {
      const Tenths at = centre(area->left, area->right), middle = centre(area->top, area->bottom);
      names_ += svg::text(at, middle - 25, shape, style_of_text + " strong");
      names_ += svg::text(at, middle + 95, size, style_of_text);
    } else if (const auto wide = largest_area(segments, both, kLineHeight)) {
      names_ += svg::text(centre(wide->left, wide->right), centre(wide->top, wide->bottom) + 35,
                          shape + " · " + size, style_of_text);
    } else if (const auto high = largest_area(segments, kLineHeight, both)) {
      names_ += svg::text(centre(high->left, high->right) + 35, centre(high->top, high->bottom),
                          shape + " · " + size, style_of_text, -90);
    } else if (const auto low = largest_area(segments, width_of(shape) + 60, kLineHeight - 20)) {
      names_ += svg::text(centre(low->left, low->right), centre(low->top, low->bottom) + 35, shape,
                          style_of_text);
    } else if (const auto thin = largest_area(segments, kLineHeight - 20, width_of(shape) + 60)) {
      names_ += svg::text(centre(thin->left, thin->right) + 35, centre(thin->top, thin->bottom),
                          shape, style_of_text, -90);
    }
  }

  // ---- everything around them

  void draw_header() {
    const Board& board = model_.options.board;
    out_ += svg::text(kLeft, 340, model_.options.name, "title");
    std::string facts = "arena " + format_bytes(model_.plan.arena) + ", schedule " +
                        (schedule_.kind.empty() ? "layer" : schedule_.kind) +
                        (schedule_.input_rows ? ", input row by row" : "") + ", " +
                        plural(static_cast<int64_t>(model_.graph.ops.size()), "operator") + " in " +
                        plural(static_cast<int64_t>(schedule_.runs.size()), "run");
    if (!board.is_host() && board.sram_bytes > 0) {
      facts += "; with stack and statics " + group_digits(model_.sram.total()) + " of " +
               group_digits(board.sram_bytes) + " B (" + board.name + ")";
    }
    out_ += svg::text(kLeft, 560, facts, "sub muted");

    Tenths at = kLeft;
    const auto entry = [&](const std::string& swatches, Tenths width, const std::string& words) {
      out_ += swatches;
      out_ += svg::text(at + width + 60, 815, words, "");
      at += width + 60 + svg::text_length(words) * kDigit + 200;
    };
    entry(svg::rect(at, 720, 120, 110, "a0") + svg::rect(at + 120, 720, 120, 110, "a2") +
              svg::rect(at + 240, 720, 120, 110, "a1"),
          360, "tensor");
    const auto any_buffer = [&](const auto& is) {
      for (size_t i = 0; i < schedule_.buffers.size(); ++i) {
        if (is(i)) return true;
      }
      return false;
    };
    if (std::any_of(timelines_.begin(), timelines_.end(),
                    [](const RunTimeline& timeline) { return !timeline.partial.empty(); }))
      entry(svg::rect(at, 720, 240, 110, "a2 empty"), 240, "its place while empty");
    if (any_buffer([&](size_t i) { return is_tiles(i); }))
      entry(svg::rect(at, 720, 240, 110, "ring"), 240, "tiles of a patch");
    if (any_buffer([&](size_t i) { return is_ring(i) && !is_tiles(i); }))
      entry(svg::rect(at, 720, 240, 110, "ring"), 240, "ring of rows");
    if (any_buffer([&](size_t i) { return schedule_.buffers[i].scratch; }))
      entry(svg::rect(at, 720, 240, 110, "scratch"), 240, "scratch, sums");
    if (has_run(RunKind::Rows))
      entry(svg::rect(at, 760, 240, 40, "rows"), 240, "operators take turns row by row");
    if (has_run(RunKind::Patches))
      entry(svg::rect(at, 760, 240, 40, "rows"), 240, "operators work patch by patch");
    if (model_.sram.lower_bound > 0)
      entry(svg::line(at, 775, at + 300, 775, "bound"), 300, "proved bound");
  }

  void draw_grid() {
    const int64_t step = tick_bytes(top_bytes_);
    for (int64_t bytes = 0; bytes <= top_bytes_; bytes += step) {
      const Tenths at = y(bytes);
      out_ += svg::line(kLeft, at, right(), at, bytes == 0 ? "axis" : "grid");
      out_ += svg::text(kLeft - 100, at + (bytes >= 1024 ? 0 : 40), tick_text(bytes), "end");
      if (bytes >= 1024 && bytes % 1024 == 0)
        out_ += svg::text(kLeft - 100, at + 110, group_digits(bytes), "end small muted");
    }
    out_ += svg::line(kLeft, kTop, kLeft, bottom(), "axis");
  }

  void draw_runs() {
    const int last = static_cast<int>(schedule_.runs.size());
    for (int time = 1; time <= last + 1; ++time) {
      if (left_of(time) > kLeft)
        out_ += svg::line(left_of(time), kTop + kHeadroom, left_of(time), bottom() + 50, "border");
    }
    for (int time = 1; time <= last; ++time) {
      const Run& run = schedule_.runs[static_cast<size_t>(time) - 1];
      if (run.kind != RunKind::Whole)
        out_ += svg::rect(left_of(time) + 12, bottom() + 40, right_of(time) - left_of(time) - 24,
                          40, "rows", run_tooltip(time));
      draw_operators(run, left_of(time), right_of(time));
    }
    if (right_of(0) > kLeft) draw_label((left_of(0) + right_of(0)) / 2, "input", "muted");
    if (right_of(last + 1) > left_of(last + 1))
      draw_label((left_of(last + 1) + right_of(last + 1)) / 2, "output", "muted");
    out_ += svg::text(
        right(), bottom() + kBelow - 60,
        "time → one column per run, in order of execution; the more rows it makes, the wider",
        "end small muted");
  }

  std::string run_tooltip(int time) const {
    const Run& run = schedule_.runs[static_cast<size_t>(time) - 1];
    std::string text = moment(time) + ": " +
                       plural(static_cast<int64_t>(run.end_op - run.first_op), "operator") + ", " +
                       plural(timelines_[static_cast<size_t>(time) - 1].turns, "turn") +
                       (run.bottom_up ? ", from the bottom up" : "");
    if (static_cast<size_t>(time) < model_.plan.bounds.size())
      text += "\nneeds " + group_digits(model_.plan.bounds[static_cast<size_t>(time)]) +
              " B at the least";
    for (size_t op = run.first_op; op < run.end_op; ++op)
      text += "\n" + operator_text(model_.graph, model_.graph.ops[op]);
    return text;
  }

  // The names of a run's operators, as many as there is room for.
  void draw_operators(const Run& run, Tenths left, Tenths right) {
    const auto count = static_cast<Tenths>(run.end_op - run.first_op);
    const Tenths room = std::max<Tenths>(1, (right - left) / kLabelPitch);
    const Tenths shown = std::min(count, room);
    const Tenths pitch = std::min<Tenths>((right - left) / std::max<Tenths>(1, shown), 220);
    for (Tenths i = 0; i < shown; ++i) {
      const Op& op = model_.graph.ops[run.first_op + static_cast<size_t>(i)];
      std::string words = operator_text(model_.graph, op);
      if (count > shown && i + 1 == shown) {
        words = shown == 1 ? kernel_text(model_.graph, op) + " … " + std::to_string(count) + " ops"
                           : "… " + std::to_string(count - i) + " more";
      }
      draw_label((left + right) / 2 + pitch * (2 * i + 1 - shown) / 2, words, "");
    }
  }

  void draw_label(Tenths at, const std::string& words, const std::string& style) {
    out_ += svg::text(at + 35, bottom() + 160, words,
                      "end small" + (style.empty() ? "" : " " + style), -60);
  }

  std::string what_is_proved() const {
    switch (model_.options.schedule) {
      case compiler::ScheduleKind::Layer:
        return "no layer-by-layer plan needs less";
      case compiler::ScheduleKind::Patch:
        return "none of the grids asked for needs less";
      case compiler::ScheduleKind::Auto:
      case compiler::ScheduleKind::Stream:
        break;
    }
    return "no split into runs of rows needs less";
  }

  void draw_limits() {
    const int64_t arena = model_.plan.arena, bound = model_.sram.lower_bound;
    out_ += svg::line(kLeft, y(arena), right(), y(arena), "arena");
    std::string words = "arena " + group_digits(arena) + " B";
    const std::string proof = what_is_proved();
    if (bound > 0) {
      out_ += svg::line(kLeft, y(bound), right(), y(bound), "bound");
      words += bound == arena ? " = proved bound: " + proof
                              : "; proved bound: " + proof + " than " + group_digits(bound) + " B";
    }
    out_ += svg::text(right() - 30, y(arena) - 55, words, "end strong halo");
    if (limit_) {
      out_ += svg::line(kLeft, y(*limit_), right(), y(*limit_), "limit");
      out_ += svg::text(
          kLeft + 50, y(*limit_) - 55,
          model_.options.board.name + ": " + group_digits(*limit_) + " B are there for the arena",
          "strong halo");
    }
  }

  bool has_peak() const {
    const int time = model_.plan.peak_time;
    return model_.plan.arena > 0 && time + 1 < static_cast<int>(column_.size()) &&
           left_of(time) < right_of(time);
  }

  // Behind everything else, so that colours keep their meaning.
  void draw_peak_band() {
    if (!has_peak()) return;
    const int time = model_.plan.peak_time;
    out_ += svg::rect(left_of(time), kTop, right_of(time) - left_of(time), kPlotHeight, "peakband");
  }

  void draw_peak() {
    if (!has_peak()) return;
    const int time = model_.plan.peak_time;
    const Tenths left = left_of(time), right_edge = right_of(time);
    const Tenths middle = (left + right_edge) / 2;
    out_ += svg::line(left, kTop, left, bottom() + 50, "peakline");
    out_ += svg::line(right_edge, kTop, right_edge, bottom() + 50, "peakline");
    std::string words = "peak: " + moment(time);
    if (time >= 1 && time <= static_cast<int>(schedule_.runs.size())) {
      const Run& run = schedule_.runs[static_cast<size_t>(time) - 1];
      words += ", " + kernel_text(model_.graph, model_.graph.ops[run.first_op]);
      if (run.end_op - run.first_op > 1)
        words += " to " + operator_text(model_.graph, model_.graph.ops[run.end_op - 1]);
      else
        words += " " + shape_text(model_.graph.output(model_.graph.ops[run.first_op]).shape);
    }
    if (static_cast<size_t>(time) < model_.plan.bounds.size())
      words += ", " + group_digits(model_.plan.bounds[static_cast<size_t>(time)]) + " B";
    out_ += svg::path("M" + svg::number(middle - 50) + " " + svg::number(kTop - 90) + "h10l-5 8z",
                      "peak");
    const Tenths width = svg::text_length(words) * kDigit;
    const bool left_aligned = middle + 100 + width <= right();
    out_ += svg::text(left_aligned ? middle + 90 : middle - 90, kTop - 10, words,
                      left_aligned ? "strong peak halo" : "strong end peak halo");
  }

  const CompiledModel& model_;
  const compiler::Schedule& schedule_;
  compiler::RowGraph rows_;
  std::vector<RunTimeline> timelines_;
  std::vector<TensorId> tensor_of_;  // per buffer; -1 for scratch
  std::vector<int> shade_;           // per buffer
  std::vector<Tenths> column_;       // left edges by time, and the right edge of the last
  int64_t top_bytes_ = 1;
  std::optional<int64_t> limit_;  // what the board leaves for the arena, if worth drawing
  std::string out_, names_;
};

}  // namespace

std::string memory_map_svg(const CompiledModel& model) { return MemoryMap(model).draw(); }

}  // namespace mcunet
