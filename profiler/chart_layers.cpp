// Charts of layers: what they take of the flash and of the time.
#include <algorithm>
#include <cmath>

#include "libmcunet/support/table.h"
#include "profiler/chart_parts.h"
#include "profiler/charts.h"

namespace mcunet::charts {
namespace {

using svg::Tenths;

constexpr Tenths kLeft = 620, kRight = kWidth - 100;

std::string percent(double part, double whole) {
  return format_fixed(whole > 0 ? 100 * part / whole : 0, 1) + " %";
}

// A stretch of a horizontal bar, with its words inside where there is room for them.
struct Stretch {
  double amount = 0;
  std::string style, words, tooltip;
};

std::string stacked_bar(Tenths x, Tenths y, Tenths width, Tenths height, double whole,
                        const std::vector<Stretch>& stretches) {
  std::string out;
  double before = 0;
  for (const Stretch& stretch : stretches) {
    const Tenths left = x + scaled(before, whole, width);
    before += stretch.amount;
    const Tenths right = x + scaled(before, whole, width);
    if (right <= left) continue;
    out += svg::rect(left, y, right - left, height, stretch.style + " hot gap", stretch.tooltip);
    if (stretch.words.empty()) continue;
    if (svg::text_length(stretch.words) * kCharacter + 80 > right - left) continue;
    const bool dark = stretch.style == "k0" || stretch.style == "k4" || stretch.style == "mark";
    out += svg::text((left + right) / 2, y + height / 2 + 42, stretch.words,
                     stretch.style == "free" ? "mid muted"
                     : dark                  ? "mid on"
                                             : "mid ondark");
  }
  return out;
}

// Flash of the model itself, from its first byte to its last.
std::vector<Stretch> flash_stretches(const Profile& profile) {
  const compiler::FlashAccount& flash = profile.flash;
  std::vector<Stretch> stretches;
  int64_t of_layers = 0;
  for (const LayerProfile& layer : profile.layers) {
    if (layer.flash == 0) continue;
    of_layers += layer.flash;
    const Op& op = profile.model.graph.ops[layer.index];
    stretches.push_back({static_cast<double>(layer.flash), kind_class(profile.model.graph, op),
                         std::to_string(layer.index),
                         layer_title(profile, layer.index) + "\n" + format_bytes(layer.flash)});
  }
  const int64_t rest = std::max<int64_t>(0, flash.weights + flash.constants - of_layers);
  stretches.push_back({static_cast<double>(rest), "bar", "parameters",
                       "parameters of kernels and other constants\n" + format_bytes(rest)});
  stretches.push_back({static_cast<double>(flash.code), "mark", "code",
                       std::string(flash.linked ? "code, linked" : "code, estimated") + "\n" +
                           format_bytes(flash.code)});
  return stretches;
}

// Kinds by their time, the longest first.
struct Share {
  std::string name, style;
  int64_t cycles = 0;
};

std::vector<Share> shares_of_kinds(const Profile& profile) {
  std::vector<Share> shares;
  const Graph& graph = profile.model.graph;
  for (const LayerGroup& kind : group_by_kind(graph)) {
    shares.push_back({kind.name, kind_class(graph, graph.ops[kind.layers.front()]),
                      profile.layer_cycles(sum_of(profile, kind))});
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.cycles > b.cycles; });
  return shares;
}

class CyclesChart {
 public:
  explicit CyclesChart(const Profile& profile) : profile_(profile) {
    for (const LayerProfile& layer : profile.layers) {
      const int64_t cycles = profile.layer_cycles(layer);
      all_ += cycles;
      most_ = std::max(most_, cycles + layer.memory_cycles);
    }
  }

  std::string draw() {
    out_ = open_chart(kHeight, "Cycles per layer");
    draw_shares();
    draw_axis();
    draw_blocks();
    for (const LayerProfile& layer : profile_.layers) draw_layer(layer);
    return out_ + "</svg>\n";
  }

 private:
  static constexpr Tenths kTop = 1050, kBottom = 3700, kHeight = 4250;

  Tenths x(size_t layer) const {
    return kLeft + scaled(static_cast<double>(layer), static_cast<double>(profile_.layers.size()),
                          kRight - kLeft);
  }
  Tenths height(int64_t cycles) const {
    return scaled(static_cast<double>(cycles), static_cast<double>(most_), kBottom - kTop);
  }

  // The row of legends ends where the picture does; kinds of little time share the last entry.
  void draw_shares() {
    std::vector<Stretch> stretches;
    std::vector<LegendEntry> entries;
    Tenths room = kRight - kLeft;
    for (const Share& share : shares_of_kinds(profile_)) {
      const std::string part =
          percent(static_cast<double>(share.cycles), static_cast<double>(all_));
      stretches.push_back({static_cast<double>(share.cycles), share.style, part,
                           share.name + "\n" + group_digits(share.cycles) + " cycles, " + part});
      const std::string words = share.name + " " + part;
      room -= 360 + svg::text_length(words) * (kCharacter - 4);
      if (share.cycles * 2000 >= all_ && room > 0) entries.push_back({share.style, words});
    }
    out_ += stacked_bar(kLeft, 100, kRight - kLeft, 280, static_cast<double>(all_), stretches);
    out_ += legend(kLeft, 600, entries);
  }

  void draw_axis() {
    const double step = round_step(static_cast<double>(most_), 5);
    for (double value = 0; value <= static_cast<double>(most_); value += step) {
      const Tenths y = kBottom - height(std::llround(value));
      out_ += svg::line(kLeft, y, kRight, y, value == 0 ? "axis" : "grid");
      out_ += svg::text(kLeft - 80, y + 40, short_number(value), "end small muted");
    }
    out_ += svg::text(kLeft - 80, kTop - 150, "cycles", "end small muted");
  }

  void draw_blocks() {
    size_t index = 0;
    for (const LayerGroup& block : group_by_block(profile_.model.graph)) {
      const Tenths left = x(block.layers.front()), right = x(block.layers.back() + 1);
      const LayerProfile sum = sum_of(profile_, block);
      const std::string cycles = group_digits(profile_.layer_cycles(sum));
      if (index % 2 == 1)
        out_ += svg::rect(left, kTop - 80, right - left, kBottom - kTop + 80, "band");
      out_ += svg::rect(
          left + 10, kBottom + 220, std::max<Tenths>(10, right - left - 20), 50, "mark hot",
          "block " + std::to_string(index) + ", " + block.name + "\n" + cycles + " cycles, " +
              percent(static_cast<double>(profile_.layer_cycles(sum)), static_cast<double>(all_)));
      out_ +=
          svg::text((left + right) / 2, kBottom + 420, std::to_string(index), "mid small muted");
      ++index;
    }
    out_ += svg::text(kLeft - 80, kBottom + 160, "layer", "end small muted");
    out_ += svg::text(kLeft - 80, kBottom + 420, "block", "end small muted");
  }

  void draw_layer(const LayerProfile& layer) {
    const Tenths left = x(layer.index), right = x(layer.index + 1);
    const Tenths gap = std::min<Tenths>(40, (right - left) / 6);
    const Op& op = profile_.model.graph.ops[layer.index];
    const int64_t cycles = profile_.layer_cycles(layer);
    std::string tooltip = layer_title(profile_, layer.index) + "\n" + group_digits(cycles) +
                          " cycles, " +
                          percent(static_cast<double>(cycles), static_cast<double>(all_));
    if (layer.memory_cycles > 0)
      tooltip += "\n" + group_digits(layer.memory_cycles) + " of flash and caches on top";
    if (layer.macs > 0) {
      tooltip += "\n" + group_digits(layer.macs) + " MACs, " +
                 format_fixed(static_cast<double>(cycles) / static_cast<double>(layer.macs), 2) +
                 " cycles each";
    }
    const std::string kind = kind_class(profile_.model.graph, op);
    const Tenths width = std::max<Tenths>(right - left - 2 * gap, 5), high = height(cycles);
    if (high > 0) {
      out_ += svg::rect(left + gap, kBottom - high, width, high, kind + " hot", tooltip);
      const Tenths more = height(layer.memory_cycles);
      if (more > 0)
        out_ += svg::rect(left + gap, kBottom - high - more, width, more, kind + " pale", tooltip);
    }
    const auto every = static_cast<size_t>(230 / std::max<Tenths>(1, right - left) + 1);
    if (layer.index % every == 0) {
      out_ += svg::text((left + right) / 2, kBottom + 160, std::to_string(layer.index),
                        "mid small muted");
    }
  }

  const Profile& profile_;
  int64_t all_ = 0, most_ = 1;
  std::string out_;
};

}  // namespace

std::string flash_map(const Profile& profile) {
  constexpr Tenths kBarHeight = 300, kFirst = 320, kSecond = 1150, kHeight = 1850;
  const compiler::FlashAccount& flash = profile.flash;
  const Board& board = profile.board();
  const auto total = static_cast<double>(flash.total());
  const double whole =
      board.is_host() ? total : std::max(total, static_cast<double>(board.flash_bytes));
  std::string out = open_chart(kHeight, "Flash");
  const Tenths width = kRight - 100, used = scaled(total, whole, width);
  const double free = whole - total;
  out +=
      svg::text(100, kFirst - 90,
                board.is_host() ? "the model" : board.name + ": " + format_bytes(board.flash_bytes),
                "small muted");
  out += stacked_bar(100, kFirst, width, kBarHeight, whole,
                     {{total, profile.fits_flash ? "k0" : "over", percent(total, whole),
                       "the model\n" + format_bytes(flash.total())},
                      {free, "free", "free: " + format_bytes(static_cast<int64_t>(free)),
                       "free\n" + format_bytes(static_cast<int64_t>(free))}});
  out += svg::path("M10 " + svg::number(kFirst + kBarHeight) + "H" + svg::number(100 + used) + "L" +
                       svg::number(100 + width) + " " + svg::number(kSecond) + "H10z",
                   "funnel");
  out += svg::text(
      200, kSecond - 90,
      "the model: " + format_bytes(flash.total()) + " of weights " + group_digits(flash.weights) +
          ", constants " + group_digits(flash.constants) + ", code " + group_digits(flash.code) +
          (flash.linked ? " (linked)" : " (estimated)") + "; by layer, in order of execution",
      "small muted");
  out += stacked_bar(100, kSecond, width, kBarHeight, total, flash_stretches(profile));
  std::vector<LegendEntry> entries;
  const Graph& graph = profile.model.graph;
  for (const LayerGroup& kind : group_by_kind(graph)) {
    const int64_t bytes = sum_of(profile, kind).flash;
    if (bytes * 200 < flash.total()) continue;
    entries.push_back({kind_class(graph, graph.ops[kind.layers.front()]),
                       kind.name + " " + percent(static_cast<double>(bytes), total)});
  }
  entries.push_back({"mark", "code " + percent(static_cast<double>(flash.code), total)});
  out += legend(100, kSecond + kBarHeight + 230, entries);
  return out + "</svg>\n";
}

std::string cycles_per_layer(const Profile& profile) { return CyclesChart(profile).draw(); }

}  // namespace mcunet::charts
