// The C that finds boxes in the network's outputs.
#include "compiler/codegen/c_text.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/values.h"

namespace mcunet::compiler {
namespace {

std::string table(const std::string& declaration, const Quantization& q,
                  uint32_t (*function)(float)) {
  std::vector<int64_t> values;
  for (int32_t code = -128; code < 128; ++code)
    values.push_back(function(q.scale() * static_cast<float>(code - q.zero_point())));
  return "static const " + declaration + "[256] = " + number_list(values) + ";\n";
}

std::string head_initializer(const std::string& name, const YoloHead& head, size_t index) {
  const std::string i = std::to_string(index);
  std::string anchors;
  for (const auto& anchor : head.anchors)
    anchors += (anchors.empty() ? "{" : ", {") + std::to_string(anchor[0]) + ", " +
               std::to_string(anchor[1]) + "}";
  return "    {" + name + "_logistic" + i + ", " + name + "_exponential" + i + ", " +
         std::to_string(head.stride) + ", " + std::to_string(head.output) + ", " +
         std::to_string(head.rows) + ", " + std::to_string(head.columns) + ", {" + anchors +
         "}},\n";
}

}  // namespace

std::vector<SourceFile> emit_detection(const CompiledModel& model) {
  if (!model.detection) return {};
  const DetectionPlan& detection = *model.detection;
  std::string tables, heads;
  for (size_t i = 0; i < detection.layout.heads.size(); ++i) {
    const YoloHead& head = detection.layout.heads[i];
    const Quantization& q = model.graph.tensor(model.graph.outputs[head.output]).quantization;
    const std::string index = std::to_string(i);
    tables += table("uint16_t " + model.name + "_logistic" + index, q,
                    [](float x) { return uint32_t{logistic_fixed(x)}; });
    tables += table("uint32_t " + model.name + "_exponential" + index, q, exponential_fixed);
    heads += head_initializer(model.name, head, i);
  }
  Values values = common_values(model);
  values["tables"] = tables;
  values["heads"] = heads;
  values["classes"] = std::to_string(detection.layout.classes);
  values["candidates"] = std::to_string(kDetectionCandidates);
  values["threshold"] = std::to_string(detection.options.threshold);
  values["floor"] = std::to_string(kDetectionFloor);
  values["overlap_numerator"] = std::to_string(kOverlapNumerator);
  values["overlap_denominator"] = std::to_string(kOverlapDenominator);
  values["boxes_offset"] = std::to_string(detection.boxes_offset);
  return {{model.name + "_detection.h", filled("detection.h", values)},
          {model.name + "_detection.c", filled("detection.c", values)}};
}

}  // namespace mcunet::compiler
