#include "quant/import/nearest.h"

#include <algorithm>
#include <cmath>

namespace mcunet::import {
namespace {

constexpr double kMaxExtent = 1 << 20;

void check_extent(double out) {
  if (!(out >= 1 && out <= kMaxExtent)) unsound("resizing to an extent of " + std::to_string(out));
}

}  // namespace

NearestIndex onnx_neighbours(int32_t in, double out, double scale, const std::string& transform,
                             const std::string& rounding) {
  check_extent(out);
  if (!(scale > 0)) unsound("a scale of " + std::to_string(scale));
  const auto source = [&](double i) {
    if (transform == "asymmetric") return i / scale;
    if (transform == "half_pixel") return (i + 0.5) / scale - 0.5;
    if (transform == "pytorch_half_pixel") return out > 1 ? (i + 0.5) / scale - 0.5 : 0.0;
    if (transform == "align_corners") return out > 1 ? i * (in - 1) / (out - 1) : 0.0;
    unsupported("coordinate_transformation_mode " + transform);
  };
  const auto nearest = [&](double x) {
    if (rounding == "floor") return std::floor(x);
    if (rounding == "ceil") return std::ceil(x);
    if (rounding == "round_prefer_floor") return std::ceil(x - 0.5);
    if (rounding == "round_prefer_ceil") return std::floor(x + 0.5);
    unsupported("nearest_mode " + rounding);
  };
  NearestIndex index;
  for (int32_t i = 0; i < static_cast<int32_t>(out); ++i)
    index.push_back(std::clamp(static_cast<int32_t>(nearest(source(i))), 0, in - 1));
  return index;
}

NearestIndex torch_neighbours(int32_t in, int64_t out, double scale) {
  check_extent(static_cast<double>(out));
  const float step =
      scale > 0 ? static_cast<float>(1 / scale) : static_cast<float>(in) / static_cast<float>(out);
  NearestIndex index;
  for (int32_t i = 0; i < static_cast<int32_t>(out); ++i)
    index.push_back(
        std::min(static_cast<int32_t>(std::floor(static_cast<float>(i) * step)), in - 1));
  return index;
}

}  // namespace mcunet::import
