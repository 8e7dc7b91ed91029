// Build files, the bare-metal firmware around the network, and the manifest.
#include <nlohmann/json.hpp>

#include "compiler/codegen/c_text.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/values.h"
#include "compiler/cost/cycles.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/graph/operators.h"

namespace mcunet::compiler {
namespace {

// Stack that the example's main, its printing and the self-test need beside NAME_invoke.
constexpr int64_t kMainStack = 512;

std::string hex(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

void append(std::vector<SourceFile>& files, std::vector<SourceFile> more) {
  for (SourceFile& file : more) files.push_back(std::move(file));
}

using nlohmann::ordered_json;

const char* kind_name(RunKind kind) {
  switch (kind) {
    case RunKind::Whole:
      return "whole";
    case RunKind::Rows:
      return "rows";
    case RunKind::Patches:
      return "patches";
  }
  return "?";
}

// Tensors of which only some rows are there at a time.
ordered_json rings_json(const CompiledModel& model, const std::vector<TensorId>& tensors) {
  ordered_json rings = ordered_json::array();
  for (const TensorId id : tensors) {
    const Placement& place = model.schedule.placements[static_cast<size_t>(id)];
    if (place.buffer < 0 || place.ring == 0) continue;
    rings.push_back({{"tensor", model.graph.tensor(id).name},
                     {"rows", place.ring},
                     {"pitch", place.pitch},
                     {"offset", model.offset(id)}});
  }
  return rings;
}

ordered_json runs_json(const CompiledModel& model) {
  ordered_json runs = ordered_json::array();
  for (const Run& run : model.schedule.runs) {
    ordered_json entry = {{"kind", kind_name(run.kind)},
                          {"first_layer", run.first_op},
                          {"layers", run.end_op - run.first_op}};
    std::vector<TensorId> touched;
    if (runs.empty()) touched = model.graph.inputs;
    for (size_t op = run.first_op; op < run.end_op; ++op) {
      const std::vector<TensorId>& outputs = model.graph.ops[op].outputs;
      touched.insert(touched.end(), outputs.begin(), outputs.end());
    }
    if (run.kind == RunKind::Rows) {
      entry["direction"] = run.bottom_up ? "up" : "down";
      entry["steps"] = run.order.size();
    }
    if (run.kind == RunKind::Patches) entry["patches"] = {run.patch_rows.size(), run.patch_columns};
    if (run.kind != RunKind::Whole) entry["rings"] = rings_json(model, touched);
    runs.push_back(std::move(entry));
  }
  return runs;
}

ordered_json overlaps_json(const Schedule& schedule) {
  ordered_json overlaps = ordered_json::array();
  for (const OverlapRule& rule : schedule.overlaps) {
    overlaps.push_back({{"over", schedule.buffers.at(rule.over).name},
                        {"under", schedule.buffers.at(rule.under).name},
                        {"distance", rule.distance},
                        {"below", rule.below}});
  }
  return overlaps;
}

}  // namespace

std::vector<SourceFile> emit_project(const CompiledModel& model, const EmitOptions& options) {
  const Board& board = model.options.board;
  Values values = common_values(model);
  values["kernels"] = options.shared_kernels.empty() ? model.name : options.shared_kernels;
  values["with_firmware"] = options.firmware ? "yes" : "no";
  values["BOARD"] = board.name;
  values["CPU_FLAGS"] = cpu_flags(board.core);
  values["CLOCK_HZ"] = std::to_string(board.clock_hz);
  values["BOARD_SOURCE"] = board.startup == "stm32f7" ? "board_stm32f7.c" : "board_generic.c";
  values["STACK_RESERVE"] = std::to_string((model.sram.stack + kMainStack + 7) / 8 * 8);
  if (!board.is_host()) {
    const MemoryRegion flash = flash_memory(board), ram = data_memory(board);
    values["FLASH_ORIGIN"] = hex(flash.origin);
    values["FLASH_SIZE"] = std::to_string(flash.size);
    values["RAM_ORIGIN"] = hex(ram.origin);
    values["RAM_SIZE"] = std::to_string(ram.size);
  }
  std::vector<SourceFile> files;
  for (const EmbeddedFile& file : embedded::firmware()) {
    const bool top = file.name == "Makefile" || file.name == "CMakeLists.txt";
    const bool other_board = file.name.compare(0, 6, "board_") == 0 &&
                             file.name != values["BOARD_SOURCE"] && file.name != "board_qemu.c";
    if (other_board || (!top && !options.firmware)) continue;
    files.push_back({top ? file.name : "firmware/" + file.name, fill_template(file.text, values)});
  }
  return files;
}

SourceFile emit_manifest(const CompiledModel& model, const EmitOptions& options) {
  const Graph& graph = model.graph;
  const auto tensors = [&](const std::vector<TensorId>& ids) {
    ordered_json list = ordered_json::array();
    for (const TensorId id : ids) {
      const Tensor& tensor = graph.tensor(id);
      ordered_json entry = {
          {"name", tensor.name}, {"shape", tensor.shape}, {"dtype", dtype_name(tensor.dtype)}};
      if (!tensor.quantization.empty()) {
        entry["scale"] = tensor.quantization.scale();
        entry["zero_point"] = tensor.quantization.zero_point();
      }
      entry["offset"] = model.offset(id);
      entry["bytes"] = tensor.byte_size();
      list.push_back(entry);
    }
    return list;
  };
  ordered_json layers = ordered_json::array();
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    int64_t calls = 0;
    for (const KernelCall& call : model.schedule.calls) calls += call.op == i ? 1 : 0;
    layers.push_back({{"index", i},
                      {"op", operator_info(op.kind).name},
                      {"source_op", op.source_index},
                      {"name", graph.output(op).name},
                      {"in", graph.input(op, 0).shape},
                      {"out", graph.output(op).shape},
                      {"macs", macs(graph, op)},
                      {"calls", calls},
                      {"in_place", model.writes_over_input(i)}});
  }
  ordered_json document = {
      {"schema", "mcunet.manifest/1"},
      {"tool_version", MCUNET_VERSION},
      {"name", model.name},
      {"model",
       {{"name", graph.name},
        {"sha256", model.sha256},
        {"macs", total_macs(graph)},
        {"params", total_parameters(graph)}}},
      {"target", model.options.board.name},
      {"schedule", model.schedule.kind},
      {"input_rows", model.schedule.input_rows},
      {"runs", runs_json(model)},
      {"overlaps", overlaps_json(model.schedule)},
      {"kernels", options.shared_kernels.empty() ? model.name : options.shared_kernels},
      {"options", common_values(model).at("options")},
      {"sram",
       {{"arena", model.sram.arena},
        {"activations", model.sram.activations},
        {"scratch", model.sram.scratch},
        {"static", model.sram.statics},
        {"stack", model.sram.stack},
        {"total", model.sram.total()},
        {"lower_bound", model.sram.lower_bound}}},
      {"flash",
       {{"weights", model.flash.weights},
        {"constants", model.flash.constants},
        {"code", model.flash.code},
        {"code_source", model.flash.linked ? "linked" : "estimated"},
        {"total", model.flash.total()}}},
      {"postprocess", model.detection ? ordered_json("yolo3") : ordered_json(nullptr)},
      {"inputs", tensors(graph.inputs)},
      {"outputs", tensors(graph.outputs)},
      {"layers", layers}};
  return {model.name + ".json",
          document.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n"};
}

std::vector<SourceFile> emit_network(const CompiledModel& model, const EmitOptions& options) {
  const std::string kernels = options.shared_kernels.empty() ? model.name : options.shared_kernels;
  std::vector<SourceFile> files = {emit_header(model), emit_model(model, kernels)};
  append(files, emit_weights(model));
  append(files, emit_kernels(model, options));
  append(files, emit_detection(model));
  if (options.selftest) append(files, emit_selftest(model));
  return files;
}

std::vector<SourceFile> emit_sources(const CompiledModel& model, const EmitOptions& options,
                                     std::vector<SourceFile> network) {
  std::vector<SourceFile> files = std::move(network);
  if (files.empty()) files = emit_network(model, options);
  append(files, emit_project(model, options));
  files.push_back(emit_manifest(model, options));
  return files;
}

}  // namespace mcunet::compiler
