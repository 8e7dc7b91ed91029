#include "compiler/codegen/c_text.h"
#include "compiler/codegen/context.h"
#include "compiler/codegen/emit_preprocess.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/values.h"

namespace mcunet::compiler {
namespace {

// An arena begins where words may be read; more alignment costs nothing and suits caches and DMA.
constexpr int kArenaStartAlignment = 8;

std::string define(const std::string& name, const std::string& value) {
  return "#define " + name + " " + value + "\n";
}

std::string tensor_macros(const std::string& prefix, const Tensor& tensor) {
  std::string shape;
  for (const int32_t extent : tensor.shape)
    shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
  std::string out = define(prefix + "_NAME", c_string(tensor.name));
  out += define(prefix + "_RANK", std::to_string(tensor.shape.size()) + "u");
  out += define(prefix + "_SHAPE", "{" + (shape.empty() ? "1" : shape) + "}");
  out += define(prefix + "_TYPE", c_type(tensor.dtype));
  out += define(prefix + "_BYTES", std::to_string(tensor.byte_size()) + "u");
  if (!tensor.quantization.empty()) {
    out += define(prefix + "_SCALE", c_float(tensor.quantization.scale()));
    out += define(prefix + "_ZERO_POINT",
                  "(" + std::to_string(tensor.quantization.zero_point()) + ")");
  }
  return out + "\n";
}

std::string quantization_cases(const std::string& prefix, const Graph& graph,
                               const std::vector<TensorId>& ids) {
  std::string out;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (graph.tensor(ids[i]).dtype != DType::Int8) continue;  // nothing to convert
    const std::string macro = prefix + "_" + std::to_string(i);
    out += "    case " + std::to_string(i) + ": scale = " + macro +
           "_SCALE; zero_point = " + macro + "_ZERO_POINT; break;\n";
  }
  return out;
}

std::string row_macros(const CompiledModel& model) {
  const size_t rows = input_row_count(model.schedule);
  const size_t bytes = model.graph.tensor(model.graph.inputs.at(0)).byte_size();
  return define(upper(model.name) + "_INPUT_ROWS", std::to_string(rows) + "u") +
         define(upper(model.name) + "_INPUT_ROW_BYTES", std::to_string(bytes / rows) + "u") + "\n";
}

// Members of NAME_context beside the arena; context_bytes() counts them.
std::string row_members(const Schedule& schedule) {
  const Run& run = input_run(schedule);
  const std::string type = std::string("  ") + counter_type(run).name + " ";
  std::string out = type + "input_rows; /* of the image, that are there */\n";
  out += type + "step;       /* of the first run: the one that waits for the next row */\n";
  if (emitted_order(schedule, run).repeats())
    out += type + "repeats;    /* how often the steps of the middle are still to be repeated */\n";
  return out + type + "made[" + std::to_string(run.end_op - run.first_op) +
         "]; /* rows of each operator of that run */\n";
}

}  // namespace

Values common_values(const CompiledModel& model) {
  const PassOptions& passes = model.options.passes;
  std::string options = "schedule " + model.schedule.kind;
  options += passes.io == EdgeType::Int8    ? ", io int8"
             : passes.io == EdgeType::UInt8 ? ", io uint8"
                                            : ", io float32";
  if (passes.nhwc_input) options += ", input layout nhwc";
  if (model.schedule.input_rows) options += ", input rows";
  if (model.detection) options += ", postprocess yolo3";
  std::string title = model.source.name;
  for (char& c : title) {
    const auto byte = static_cast<unsigned char>(c);
    // The title stands in comments; two question marks may begin a trigraph.
    if (byte < 0x20 || byte > 0x7e || c == '*' || c == '\\' || c == '?') c = '_';
  }
  return {{"name", model.name},
          {"NAME", upper(model.name)},
          {"version", MCUNET_VERSION},
          {"sha256", model.sha256},
          {"title", title},
          {"board", model.options.board.name},
          {"options", options},
          {"detection_include",
           model.detection ? "#include \"" + model.name + "_detection.h\"\n" : ""}};
}

SourceFile emit_header(const CompiledModel& model) {
  const std::string name = upper(model.name);
  const Graph& graph = model.graph;
  std::string interface = define(name + "_INPUT_COUNT", std::to_string(graph.inputs.size()) + "u");
  interface += define(name + "_OUTPUT_COUNT", std::to_string(graph.outputs.size()) + "u") + "\n";
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    interface += tensor_macros(name + "_INPUT_" + std::to_string(i), graph.tensor(graph.inputs[i]));
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    interface +=
        tensor_macros(name + "_OUTPUT_" + std::to_string(i), graph.tensor(graph.outputs[i]));

  Values values = common_values(model);
  values["context"] = "";
  values["invoking"] = model.name + "_invoke needs";
  values["place"] = model.name + "_input(context, i)";
  if (model.schedule.input_rows) {
    interface += row_macros(model);
    values["context"] = row_members(model.schedule);
    values["invoking"] = model.name + "_push_rows and " + model.name + "_invoke need";
    values["place"] = model.name + "_next_row(context)";
  }
  if (model.detection) values["invoking"] = model.name + "_detect and " + values["invoking"];
  values["context_size"] = std::to_string(context_bytes(model.schedule));
  values["arena_size"] = std::to_string(model.sram.arena);
  values["arena_align"] = std::to_string(kArenaStartAlignment);
  values["stack_size"] = std::to_string(model.sram.stack);
  values["weights_size"] = std::to_string(constant_bytes(model.schedule, ConstantRole::Weights));
  values["tables_size"] = std::to_string(constant_bytes(model.schedule, ConstantRole::Table));
  values["interface"] = interface;
  values["input_quantization"] = quantization_cases(name + "_INPUT", graph, graph.inputs);
  values["output_quantization"] = quantization_cases(name + "_OUTPUT", graph, graph.outputs);
  values["preprocess"] = preprocess_section(model);
  values["input"] = filled(model.schedule.input_rows ? "input_rows.h" : "input_whole.h", values);
  return {model.name + ".h", filled("model.h", values)};
}

}  // namespace mcunet::compiler
