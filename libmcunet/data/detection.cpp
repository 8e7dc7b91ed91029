#include "libmcunet/data/detection.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "libmcunet/data/network_input.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

using Anchors = std::array<std::array<int32_t, 2>, 3>;
struct Scale {
  int32_t stride;
  Anchors anchors;
};
constexpr std::array<Scale, 3> kScales = {Scale{32, Anchors{{{116, 90}, {156, 198}, {373, 326}}}},
                                          Scale{16, Anchors{{{30, 61}, {62, 45}, {59, 119}}}},
                                          Scale{8, Anchors{{{10, 13}, {16, 30}, {33, 23}}}}};

constexpr int32_t kValuesPerBox = 5;  // and one per class

[[noreturn]] void no_detector(const std::string& why) {
  throw Error(ErrorKind::Usage, "the model is no detector with three YOLO heads: " + why);
}

int64_t rounded_quotient(int64_t sum, int64_t divisor) {
  return (sum >= 0 ? sum + divisor / 2 : sum - divisor / 2) / divisor;
}

// Of a size in anchors, 1/65536, to half of it in kBoxUnit.
int32_t half_size(uint32_t size, int32_t anchor) {
  return static_cast<int32_t>((uint64_t{size} * static_cast<uint64_t>(anchor) + 256) >> 9);
}

// The box that `values` of one anchor tell.
DetectionBox decoded(const YoloHead& head, size_t anchor, int32_t column, int32_t row,
                     const float* values, int32_t classes) {
  DetectionBox box;
  for (int32_t c = 1; c < classes; ++c) {
    if (values[kValuesPerBox + c] > values[kValuesPerBox + box.class_index]) box.class_index = c;
  }
  const uint32_t product = uint32_t{logistic_fixed(values[4])} *
                           uint32_t{logistic_fixed(values[kValuesPerBox + box.class_index])};
  box.score = static_cast<int32_t>((product + 16384U) >> 15);
  const auto center = [&](float value, int32_t cell) {
    const uint32_t cells = logistic_fixed(value) + (static_cast<uint32_t>(cell) << 15);
    return static_cast<int32_t>((cells * static_cast<uint32_t>(head.stride) + 64U) >> 7);
  };
  const int32_t x = center(values[0], column), y = center(values[1], row);
  const int32_t half_width = half_size(exponential_fixed(values[2]), head.anchors[anchor][0]);
  const int32_t half_height = half_size(exponential_fixed(values[3]), head.anchors[anchor][1]);
  box.x1 = x - half_width;
  box.x2 = x + half_width;
  box.y1 = y - half_height;
  box.y2 = y + half_height;
  return box;
}

int64_t area(const DetectionBox& box) {
  return int64_t{box.x2 - box.x1} * int64_t{box.y2 - box.y1};
}

bool overlap(const DetectionBox& a, const DetectionBox& b) {
  const int64_t width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const int64_t height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return false;
  const int64_t common = width * height;
  return common * kOverlapDenominator > (area(a) + area(b) - common) * kOverlapNumerator;
}

std::vector<DetectionBox> candidates(const YoloLayout& layout,
                                     const std::vector<std::vector<float>>& outputs) {
  std::vector<DetectionBox> boxes;
  const auto values_per_anchor = static_cast<size_t>(kValuesPerBox + layout.classes);
  for (const YoloHead& head : layout.heads) {
    const float* values = outputs[head.output].data();
    for (int32_t row = 0; row < head.rows; ++row) {
      for (int32_t column = 0; column < head.columns; ++column) {
        for (size_t anchor = 0; anchor < head.anchors.size(); ++anchor) {
          const DetectionBox box = decoded(head, anchor, column, row, values, layout.classes);
          if (box.score >= kDetectionFloor) boxes.push_back(box);
          values += values_per_anchor;
        }
      }
    }
  }
  // Equal scores keep the order of the heads.
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const DetectionBox& a, const DetectionBox& b) { return a.score > b.score; });
  boxes.resize(std::min(boxes.size(), kDetectionCandidates));
  return boxes;
}

}  // namespace

bool operator==(const DetectionBox& a, const DetectionBox& b) {
  return a.x1 == b.x1 && a.y1 == b.y1 && a.x2 == b.x2 && a.y2 == b.y2 && a.score == b.score &&
         a.class_index == b.class_index;
}

YoloLayout yolo3_layout(const Graph& graph) {
  if (graph.inputs.size() != 1 || !is_image_input(graph.tensor(graph.inputs[0])))
    no_detector("its input is no single image");
  const InputSpec input = image_input(graph.tensor(graph.inputs[0])).spec;
  YoloLayout layout;
  layout.width = input.width;
  layout.height = input.height;
  if (graph.outputs.size() != kScales.size())
    no_detector("it has " + std::to_string(graph.outputs.size()) + " outputs");
  for (const Scale& scale : kScales) {
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const Shape& shape = graph.tensor(graph.outputs[i]).shape;
      if (shape.size() != 4 || shape[0] != 1 || int64_t{shape[1]} * scale.stride != input.height ||
          int64_t{shape[2]} * scale.stride != input.width)
        continue;
      const int32_t classes = shape[3] / 3 - kValuesPerBox;
      if (shape[3] % 3 != 0 || classes < 1 || (layout.classes != 0 && layout.classes != classes))
        no_detector("its output " + to_string(shape) + " has not 3 times (5 + classes) channels");
      layout.classes = classes;
      layout.heads.push_back({i, shape[1], shape[2], scale.stride, scale.anchors});
    }
  }
  if (layout.heads.size() != kScales.size())
    no_detector("outputs of strides 8, 16 and 32 are needed, for an input of " +
                std::to_string(input.width) + "x" + std::to_string(input.height));
  constexpr int32_t kLargestSide = 32768;  // of what decoded() computes in 32 bits
  if (input.width > kLargestSide || input.height > kLargestSide)
    no_detector("its input is larger than 32768 pixels");
  return layout;
}

uint16_t logistic_fixed(float x) {
  if (std::isnan(x)) return 0;
  return static_cast<uint16_t>(std::lround(kScoreUnit / (1.0 + std::exp(-double{x}))));
}

uint32_t exponential_fixed(float x) {
  constexpr double kLargest = 1024.0;
  if (std::isnan(x)) return 0;
  return static_cast<uint32_t>(std::lround(65536.0 * std::min(std::exp(double{x}), kLargest)));
}

std::vector<DetectionBox> detect(const YoloLayout& layout,
                                 const std::vector<std::vector<float>>& outputs,
                                 const DetectionOptions& options) {
  const std::vector<DetectionBox> boxes = candidates(layout, outputs);
  std::vector<bool> taken(boxes.size(), false);
  std::vector<DetectionBox> found;
  for (size_t i = 0; i < boxes.size() && boxes[i].score >= options.threshold; ++i) {
    if (taken[i]) continue;
    int64_t weight = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    for (size_t k = i; k < boxes.size(); ++k) {
      const DetectionBox& other = boxes[k];
      if (taken[k] || other.class_index != boxes[i].class_index) continue;
      if (k != i && !overlap(boxes[i], other)) continue;
      taken[k] = true;
      const int64_t share = std::max(other.x2, 1);  // as published, see the header
      weight += share;
      x1 += share * other.x1;
      y1 += share * other.y1;
      x2 += share * other.x2;
      y2 += share * other.y2;
    }
    DetectionBox box = boxes[i];
    box.x1 = static_cast<int32_t>(rounded_quotient(x1, weight));
    box.y1 = static_cast<int32_t>(rounded_quotient(y1, weight));
    box.x2 = static_cast<int32_t>(rounded_quotient(x2, weight));
    box.y2 = static_cast<int32_t>(rounded_quotient(y2, weight));
    found.push_back(box);
  }
  return found;
}

}  // namespace mcunet
