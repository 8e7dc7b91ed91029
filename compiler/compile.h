// From a model to everything that is known before C is written: graph, schedule, memory, flash.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/memory/planner.h"
#include "compiler/passes/passes.h"
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
  int64_t lower_bound = 0;  // of the arena, proved
  int peak_op =
      -1;  // index into the graph's operators; -1 when the inputs or outputs alone are the peak
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
  // What --reserve-* took from the board's figures; messages add it again.
  int64_t reserved_sram = 0, reserved_flash = 0;
};

struct CompiledModel {
  std::string name;
  std::string sha256;  // of the model file
  CompileOptions options;
  Graph source;     // as read, conversions moved to the edges
  Graph reference;  // with_interface(source): what the compiled code must equal
  Graph graph;      // prepared: what the schedule was made from
  Schedule schedule;
  MemoryPlan plan;
  SramAccount sram;
  FlashAccount flash;

  // Offset of a tensor of `graph` in the arena.
  int64_t offset(TensorId id) const;
};

// The file's stem as a C identifier: other characters become '_', a leading digit gets "net_" in
// front.
std::string c_identifier(const std::string& text);

// Throws Error(Unsupported) with all that cannot be compiled.
CompiledModel compile(const Graph& source, const std::string& sha256,
                      const CompileOptions& options);

// Throws Error(DoesNotFit), saying by how much and what would help, when the model exceeds the
// board's memory. `with_code` is false when the code is yet to be linked: its estimate is left out.
void require_fit(const CompiledModel& model, bool with_code = true);

}  // namespace mcunet::compiler
