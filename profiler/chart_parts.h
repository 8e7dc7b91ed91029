// What the charts have in common.
#pragma once

#include <string>
#include <vector>

#include "profiler/profile.h"
#include "profiler/svg.h"

namespace mcunet::charts {

constexpr svg::Tenths kWidth = 11000;   // of every chart
constexpr svg::Tenths kCharacter = 68;  // width of one at 12 pixels, generously
constexpr svg::Tenths kLegendHeight = 260;

std::string open_chart(svg::Tenths height, const std::string& title);

inline svg::Tenths tenths(double pixels) { return static_cast<svg::Tenths>(pixels * 10 + 0.5); }
inline svg::Tenths scaled(double value, double most, svg::Tenths length) {
  return most > 0 ? static_cast<svg::Tenths>(value / most * static_cast<double>(length) + 0.5) : 0;
}

// 1, 2 or 5 times a power of ten, so that at most `parts` steps reach `most`.
double round_step(double most, int parts);

// 950, 12.5 k, 3 M: for axes.
std::string short_number(double value);

// Swatches and names from `x` on, in one row.
struct LegendEntry {
  std::string style, words;
};
std::string legend(svg::Tenths x, svg::Tenths y, const std::vector<LegendEntry>& entries);

// "layer 3, CONV_2D 1x1" and shapes.
std::string layer_title(const Profile& profile, size_t layer);

}  // namespace mcunet::charts
