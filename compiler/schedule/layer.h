// The layer-by-layer schedule: one operator after the other, each tensor whole in the arena.
#pragma once

#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

// `graph` has been through prepare(). Elementwise operators write over an input that dies with
// them; RESHAPE shares its input's bytes. Throws Error(Unsupported) with every operator that no
// kernel can run.
Schedule schedule_layers(const Graph& graph);

}  // namespace mcunet::compiler
