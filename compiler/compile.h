// From a model to everything that is known before C is written: graph, schedule, memory, flash.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/kernel_choice.h"
#include "compiler/memory/planner.h"
#include "compiler/passes/passes.h"
#include "compiler/plan.h"
#include "compiler/postprocess.h"
#include "compiler/schedule/schedule.h"
#include "libmcunet/board/board.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// Bytes of SRAM by owner. The arena holds inputs, outputs, intermediate tensors and scratch.
struct SramAccount {
  int64_t arena = 0;
  int64_t activations = 0;  // of the arena: what tensors take
  int64_t scratch = 0;      // of the arena: alive at the peak
  int64_t statics = 0;      // the context; generated code has no other writable data
  int64_t stack = 0;        // bound on the stack of NAME_invoke
  int64_t lower_bound = 0;  // of the arena, over all schedules of the kind asked for; proved
  // The run at the peak; -1 when the inputs or outputs alone are the peak. And its first operator.
  int peak_run = -1, peak_op = -1;
  int64_t total() const { return arena + statics + stack; }
};

// Bytes of flash of the model's own objects.
struct FlashAccount {
  int64_t weights = 0;    // weights, biases, constant operands
  int64_t constants = 0;  // multipliers, tables, parameter structs
  int64_t code = 0;
  bool linked = false;  // code and constants are from the map file, not estimated
  int64_t total() const { return weights + constants + code; }
};

struct CompileOptions {
  std::string name;  // C prefix of everything; see c_identifier()
  Board board;
  PassOptions passes;
  ScheduleKind schedule = ScheduleKind::Auto;
  Objective objective = Objective::Balanced;
  bool input_rows = false;     // the input comes row by row; NHWC then
  double allow_recompute = 0;  // per cent of MACs
  PatchGrid patch = {};        // of ScheduleKind::Patch, as far as it is given
  Postprocess postprocess = Postprocess::None;
  DetectionOptions detection = {};  // of Postprocess::Yolo3
  // What --reserve-* took from the board's figures; messages add it again.
  int64_t reserved_sram = 0, reserved_flash = 0;
};

struct CompiledModel {
  std::string name;
  std::string sha256;  // of the model file
  CompileOptions options;
  Graph source;     // as read, conversions moved to the edges
  Graph reference;  // with_interface(source): what the compiled code must equal
  Graph graph;      // prepared and planned: what the schedule was made from
  Schedule schedule;
  MemoryPlan plan;
  SramAccount sram;
  FlashAccount flash;
  std::optional<DetectionPlan> detection;  // with Postprocess::Yolo3
  int64_t overhead_cycles = 0;             // more than layer by layer, estimated
  int64_t recomputed_macs = 0;

  // Whether the output of an operator lies over an input that dies with it.
  bool writes_over_input(size_t op) const;
  // Offset of a tensor of `graph` in the arena.
  int64_t offset(TensorId id) const;
};

// The file's stem as a C identifier: other characters become '_', a leading digit gets "net_" in
// front.
std::string c_identifier(const std::string& text);

// Throws Error(Unsupported) with all that cannot be compiled.
CompiledModel compile(const Graph& source, const std::string& sha256,
                      const CompileOptions& options);

// The same with a plan of the caller's making, from the prepared graph.
CompiledModel compile_planned(const Graph& source, const std::string& sha256,
                              const CompileOptions& options,
                              const std::function<Plan(const Graph&)>& make_plan);

}  // namespace mcunet::compiler
