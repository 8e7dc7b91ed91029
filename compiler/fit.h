// Does a compiled model fit its board, and what would the other schedules need?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compile.h"

namespace mcunet::compiler {

struct Alternative {
  std::string name;  // "layer", "patch", "stream"
  SramAccount sram;
  int64_t cycles = 0;  // estimated
  int64_t recomputed_macs = 0;
};

// The model under each kind of schedule that can run it, beginning with layer by layer. With row
// input there is one.
std::vector<Alternative> alternatives(const CompiledModel& model);

// Cycles of one inference, estimated, per operator of model.graph and in all. All includes what
// going through patches adds.
std::vector<int64_t> estimated_cycles_per_layer(const CompiledModel& model);
int64_t estimated_cycles(const CompiledModel& model);

// Throws Error(DoesNotFit), saying by how much, what was tried and what would help, when the model
// exceeds the board's memory. `with_code` is false when the code is yet to be linked: its estimate
// is left out.
void require_fit(const CompiledModel& model, bool with_code = true);

}  // namespace mcunet::compiler
