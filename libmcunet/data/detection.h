// From the outputs of a detector with three-scale YOLO heads to boxes, as the person detector of
// mit-han-lab/mcunet is decoded. Whole numbers all through, so that the C beside generated code
// (compiler/codegen/templates/detection.c) gives the same boxes to the bit on every processor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// Fixed-point units.
inline constexpr int32_t kBoxUnit = 256;      // of a box's corners: 1/256 pixel of the input
inline constexpr int32_t kScoreUnit = 32768;  // of scores and of the logistic function

struct DetectionBox {
  int32_t x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // corners, in kBoxUnit; not clipped to the picture
  int32_t score = 0;                       // objectness · class, in kScoreUnit
  int32_t class_index = 0;
};
bool operator==(const DetectionBox& a, const DetectionBox& b);

// One scale: [1, rows, columns, 3 · (5 + classes)]; per anchor x, y, width, height, objectness and
// one value per class.
struct YoloHead {
  size_t output = 0;  // which of the graph's
  int32_t rows = 0, columns = 0;
  int32_t stride = 0;                                  // pixels of the input per cell: 32, 16 or 8
  std::array<std::array<int32_t, 2>, 3> anchors = {};  // width, height in pixels
};

struct YoloLayout {
  std::vector<YoloHead> heads;  // coarsest first
  int32_t classes = 0;
  int32_t width = 0, height = 0;  // of the input
};

// How the outputs of `graph` are read; anchors are YOLOv3's (Redmon and Farhadi, "YOLOv3: an
// incremental improvement", arXiv:1804.02767). Throws Error(Usage) when the graph has no image for
// input or its outputs are not three heads of strides 8, 16 and 32.
YoloLayout yolo3_layout(const Graph& graph);

struct DetectionOptions {
  // Boxes with less are not reported; in kScoreUnit. 0.3, as the published demo.
  int32_t threshold = 9830;
};

inline constexpr int32_t kDetectionFloor = 328;      // scores under 0.01 take no part at all
inline constexpr size_t kDetectionCandidates = 400;  // nor do any but the best ones
inline constexpr int32_t kOverlapNumerator = 9, kOverlapDenominator = 20;  // 0.45

// 1 / (1 + e^-x) in kScoreUnit, and e^x in 1/65536, at most 1024. To the nearest, from double
// precision; 0 for a NaN.
uint16_t logistic_fixed(float x);
uint32_t exponential_fixed(float x);

// `outputs`: the real values of the graph's outputs. Centre = (logistic(x, y) + cell) · stride,
// size = e^(w, h) · anchor, score = logistic(objectness) · logistic(class), of the likeliest class.
// Then, best first, every box takes in those of its class that overlap it by more than 0.45
// (intersection over union): its corners become their weighted mean (merge-NMS). Best box first.
// The published decoder means to weight by the score but takes the column of x2 (det_helper.py,
// standard_nms: `detections[invalid, 4:5]` of class, score, x1, y1, x2, y2); so do we, for the sake
// of the same boxes. An x2 left of the picture counts as the smallest weight.
std::vector<DetectionBox> detect(const YoloLayout& layout,
                                 const std::vector<std::vector<float>>& outputs,
                                 const DetectionOptions& options = {});

}  // namespace mcunet
