#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/support/table.h"
#include "profiler/chart_parts.h"
#include "profiler/charts.h"

namespace mcunet::charts {
namespace {

using svg::Tenths;

constexpr double kMostMacs = 1 / kLeastCyclesPerMac;  // per cycle

struct Point {
  size_t layer = 0;
  double intensity = 0, speed = 0;  // MACs per byte, MACs per cycle
  int64_t cycles = 0;
};

std::vector<Point> points_of(const Profile& profile) {
  std::vector<Point> points;
  for (const LayerProfile& layer : profile.layers) {
    const int64_t cycles = profile.layer_cycles(layer);
    if (layer.macs == 0 || cycles == 0) continue;
    const Graph& graph = profile.model.graph;
    const auto macs = static_cast<double>(layer.macs);
    points.push_back({layer.index,
                      macs / static_cast<double>(touched_bytes(graph, graph.ops[layer.index])),
                      macs / static_cast<double>(cycles), cycles});
  }
  // The small ones on top of the large ones.
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.cycles > b.cycles; });
  return points;
}

std::string fraction(double value) {
  return value >= 1 ? format_fixed(value, 0) : "1/" + format_fixed(1 / value, 0);
}

// Both axes in powers of two.
class Roofline {
 public:
  explicit Roofline(const Profile& profile) : profile_(profile), points_(points_of(profile)) {
    double least_x = 1, most_x = 64, least_y = kMostMacs / 2;
    for (const Point& point : points_) {
      least_x = std::min(least_x, point.intensity);
      most_x = std::max(most_x, point.intensity);
      least_y = std::min(least_y, point.speed);
      all_ += point.cycles;
    }
    // Room for the slope of the load ports, left of where it meets the flat roof.
    const double load = load_bytes_per_cycle(profile.board());
    if (load > 0) least_x = std::min(least_x, kMostMacs / load / 2);
    first_x_ = static_cast<int>(std::floor(std::log2(least_x)));
    last_x_ = static_cast<int>(std::ceil(std::log2(most_x)));
    first_y_ = static_cast<int>(std::floor(std::log2(least_y)));
    last_y_ = 2;
  }

  std::string draw() {
    out_ = open_chart(kHeight, "Roofline");
    draw_axes();
    draw_roofs();
    draw_points();
    return out_ + "</svg>\n";
  }

 private:
  static constexpr Tenths kLeft = 700, kRight = kWidth - 150, kTop = 150, kBottom = 3900,
                          kHeight = 4500;

  static Tenths place(double value, int first, int last, Tenths from, Tenths to) {
    const double part = (std::log2(value) - first) / (last - first);
    return from + std::lround(part * static_cast<double>(to - from));
  }
  Tenths x(double intensity) const { return place(intensity, first_x_, last_x_, kLeft, kRight); }
  Tenths y(double speed) const { return place(speed, first_y_, last_y_, kBottom, kTop); }

  void draw_axes() {
    for (int power = first_x_; power <= last_x_; ++power) {
      const double value = std::pow(2, power);
      out_ += svg::line(x(value), kTop, x(value), kBottom, "grid");
      out_ += svg::text(x(value), kBottom + 180, fraction(value), "mid small muted");
    }
    for (int power = first_y_; power <= last_y_; ++power) {
      const double value = std::pow(2, power);
      out_ += svg::line(kLeft, y(value), kRight, y(value), power == first_y_ ? "axis" : "grid");
      out_ += svg::text(kLeft - 80, y(value) + 40, fraction(value), "end small muted");
    }
    out_ += svg::text((kLeft + kRight) / 2, kBottom + 400,
                      "MACs per byte of inputs, weights and output", "mid small muted");
    out_ += svg::text(200, (kTop + kBottom) / 2, "MACs per cycle", "mid small muted", -90);
  }

  // From the left edge up to the limit of the multipliers.
  void draw_slope(double bytes_per_cycle, const std::string& style, const std::string& words) {
    const double knee = kMostMacs / bytes_per_cycle;
    const double from = std::max(std::pow(2, first_x_), std::pow(2, first_y_) / bytes_per_cycle);
    if (from >= knee) return;
    out_ += svg::path("M" + svg::number(x(from)) + " " + svg::number(y(from * bytes_per_cycle)) +
                          "L" + svg::number(x(knee)) + " " + svg::number(y(kMostMacs)),
                      style);
    const double middle = std::sqrt(from * knee);
    const double slope = static_cast<double>(y(kMostMacs) - y(from * bytes_per_cycle)) /
                         static_cast<double>(x(knee) - x(from));
    const auto degrees = static_cast<int>(std::lround(std::atan(slope) * 180 / std::acos(-1.0)));
    out_ += svg::text(x(middle) - 40, y(middle * bytes_per_cycle) - 60, words,
                      "mid small rooftext halo", degrees);
  }

  void draw_roofs() {
    const Board& board = profile_.board();
    const double load = load_bytes_per_cycle(board), flash = flash_bytes_per_cycle(board);
    if (flash > 0 && flash < 0.95 * load)  // else one line hides the other
      draw_slope(flash, "slow", "all of it from flash: " + format_fixed(flash, 1) + " B per cycle");
    const double knee = load > 0 ? kMostMacs / load : 0;
    if (load > 0) draw_slope(load, "roof", "load ports: " + format_fixed(load, 0) + " B per cycle");
    const Tenths from = knee > std::pow(2, first_x_) ? x(knee) : kLeft;
    out_ += svg::line(from, y(kMostMacs), kRight, y(kMostMacs), "roof");
    out_ += svg::text(kRight, y(kMostMacs) - 70, "2 MACs per cycle: SMLAD", "end small rooftext");
  }

  void draw_points() {
    constexpr double kLargest = 190;  // radius of all time together would be the square of ten
    for (const Point& point : points_) {
      const double share = static_cast<double>(point.cycles) / static_cast<double>(all_);
      const auto radius = static_cast<Tenths>(35 + kLargest * std::sqrt(share));
      const Op& op = profile_.model.graph.ops[point.layer];
      out_ += svg::circle(x(point.intensity), y(point.speed), radius,
                          kind_class(profile_.model.graph, op) + " point",
                          layer_title(profile_, point.layer) + "\n" + format_fixed(point.speed, 2) +
                              " MACs per cycle, " + format_fixed(100 * point.speed / kMostMacs, 0) +
                              " % of the limit\n" + format_fixed(point.intensity, 1) +
                              " MACs per byte\n" + format_fixed(100 * share, 1) + " % of the time");
    }
    // The layers that take most are named.
    constexpr Tenths kApart = 170;
    std::vector<std::pair<Tenths, Tenths>> named;
    for (size_t i = 0; i < std::min<size_t>(points_.size(), 4); ++i) {
      const Tenths at = x(points_[i].intensity), height = y(points_[i].speed);
      const bool free = std::none_of(named.begin(), named.end(), [&](const auto& other) {
        return std::abs(other.first - at) < kApart && std::abs(other.second - height) < kApart;
      });
      if (!free) continue;
      named.emplace_back(at, height);
      out_ +=
          svg::text(at, height + 40, std::to_string(points_[i].layer), "mid small ondark strong");
    }
    std::vector<LegendEntry> entries;
    const Graph& graph = profile_.model.graph;
    for (const LayerGroup& kind : group_by_kind(graph)) {
      if (sum_of(profile_, kind).macs > 0)
        entries.push_back({kind_class(graph, graph.ops[kind.layers.front()]), kind.name});
    }
    out_ += legend(kLeft, kHeight - 40, entries);
  }

  const Profile& profile_;
  std::vector<Point> points_;
  int64_t all_ = 0;
  int first_x_ = 0, last_x_ = 6, first_y_ = -2, last_y_ = 2;
  std::string out_;
};

}  // namespace

// Two loads of a word per cycle (docs/timing.md); the Cortex-M4's and M33's one bus takes one.
double load_bytes_per_cycle(const Board& board) {
  if (board.is_host()) return 0;
  return board.core == "cortex-m7" ? 8 : 4;
}

double flash_bytes_per_cycle(const Board& board) {
  if (board.is_host()) return 0;
  const EmulatedCaches caches = emulated_caches(board);
  const uint32_t origin = flash_memory(board).origin;
  for (const EmulatedSlowMemory& memory : caches.memories) {
    const bool holds = origin >= memory.origin && origin - memory.origin < memory.size;
    if (holds && memory.line > 0) return static_cast<double>(caches.data.line) / memory.line;
  }
  return 0;
}

int64_t touched_bytes(const Graph& graph, const Op& op) {
  int64_t bytes = 0;
  for (const TensorId id : op.inputs) {
    if (id >= 0) bytes += static_cast<int64_t>(graph.tensor(id).byte_size());
  }
  for (const TensorId id : op.outputs) bytes += static_cast<int64_t>(graph.tensor(id).byte_size());
  return std::max<int64_t>(bytes, 1);
}

std::string roofline(const Profile& profile) { return Roofline(profile).draw(); }

}  // namespace mcunet::charts
