// What may follow the network in generated code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/memory/planner.h"
#include "compiler/schedule/schedule.h"
#include "libmcunet/data/detection.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

enum class Postprocess {
  None,
  Yolo3,  // boxes from three-scale YOLO heads: libmcunet/data/detection.h
};

// Bytes of NAME_box, of all candidates, and on the stack of NAME_detect (measured, rounded up).
inline constexpr int64_t kBoxBytes = 24;
inline constexpr int64_t kBoxesBytes = kBoxBytes * static_cast<int64_t>(kDetectionCandidates);
inline constexpr int64_t kDetectionStack = 320;
// Flash of its code on a Cortex-M, measured, and of its tables.
inline constexpr int64_t kDetectionCode = 1536;
inline constexpr int64_t kDetectionTables = 3 * (256 * 2 + 256 * 4) + 3 * 32;

struct DetectionPlan {
  YoloLayout layout;
  DetectionOptions options;
  int64_t boxes_offset = 0;  // in the arena
};

// Where candidates can stand in the arena while the outputs are read; `plan` grows when there is no
// room beside them. Throws Error(Usage) when the graph is no detector or its outputs are not int8.
DetectionPlan plan_detection(const Graph& graph, const Schedule& schedule,
                             const DetectionOptions& options, MemoryPlan& plan);

// Boxes as host program and firmware hand them over: their number, then kDetectionCandidates
// structures, zero where there are none; all int32, little-endian.
std::vector<uint8_t> boxes_to_bytes(const std::vector<DetectionBox>& boxes);
std::vector<DetectionBox> boxes_from_bytes(const std::vector<uint8_t>& bytes);

// The host's answer to what NAME_detect finds: from the API's int8 outputs.
std::vector<DetectionBox> expected_boxes(const DetectionPlan& detection, const Graph& graph,
                                         const std::vector<std::vector<uint8_t>>& outputs);

}  // namespace mcunet::compiler
