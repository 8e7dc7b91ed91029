#include "compiler/postprocess.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "libmcunet/data/network_output.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr int64_t kBoxAlignment = 4;
constexpr size_t kBoxFields = 6;
static_assert(kBoxFields * sizeof(int32_t) == kBoxBytes);

struct Span {
  int64_t begin, end;
};

// The first place that is free of `taken`, which is sorted.
int64_t first_gap(const std::vector<Span>& taken, int64_t bytes) {
  int64_t at = 0;
  for (const Span& span : taken) {
    if (span.begin - at >= bytes) break;
    at = std::max(at, (span.end + kBoxAlignment - 1) / kBoxAlignment * kBoxAlignment);
  }
  return at;
}

}  // namespace

DetectionPlan plan_detection(const Graph& graph, const Schedule& schedule,
                             const DetectionOptions& options, MemoryPlan& plan) {
  DetectionPlan detection;
  detection.layout = yolo3_layout(graph);
  detection.options = options;
  std::vector<Span> outputs;
  for (const TensorId id : graph.outputs) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.dtype != DType::Int8) {
      throw Error(ErrorKind::Usage, std::string("--postprocess yolo3 reads int8 outputs, but '") +
                                        tensor.name + "' is " + dtype_name(tensor.dtype) +
                                        ": leave --io at int8");
    }
    const Placement& place = schedule.placements.at(static_cast<size_t>(id));
    const int64_t begin = plan.offsets.at(static_cast<size_t>(place.buffer)) + place.offset;
    outputs.push_back({begin, begin + static_cast<int64_t>(tensor.byte_size())});
  }
  std::sort(outputs.begin(), outputs.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  detection.boxes_offset = first_gap(outputs, kBoxesBytes);
  plan.arena = std::max(plan.arena, detection.boxes_offset + kBoxesBytes);
  return detection;
}

std::vector<uint8_t> boxes_to_bytes(const std::vector<DetectionBox>& boxes) {
  std::vector<int32_t> numbers(1 + kDetectionCandidates * kBoxFields, 0);
  numbers[0] = static_cast<int32_t>(boxes.size());
  auto at = numbers.begin() + 1;
  for (const DetectionBox& box : boxes) {
    const std::array<int32_t, kBoxFields> fields = {box.x1, box.y1,    box.x2,
                                                    box.y2, box.score, box.class_index};
    at = std::copy(fields.begin(), fields.end(), at);
  }
  std::vector<uint8_t> bytes(numbers.size() * sizeof(int32_t));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

std::vector<DetectionBox> boxes_from_bytes(const std::vector<uint8_t>& bytes) {
  std::vector<int32_t> numbers(bytes.size() / sizeof(int32_t));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(int32_t));
  std::vector<DetectionBox> boxes;
  for (size_t i = 0; i < static_cast<size_t>(numbers.at(0)); ++i) {
    const auto field = [&](size_t k) { return numbers.at(1 + i * kBoxFields + k); };
    boxes.push_back({field(0), field(1), field(2), field(3), field(4), field(5)});
  }
  return boxes;
}

std::vector<DetectionBox> expected_boxes(const DetectionPlan& detection, const Graph& graph,
                                         const std::vector<std::vector<uint8_t>>& outputs) {
  std::vector<std::vector<float>> values;
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    values.push_back(real_values(graph.tensor(graph.outputs[i]), outputs[i]));
  return detect(detection.layout, values, detection.options);
}

}  // namespace mcunet::compiler
