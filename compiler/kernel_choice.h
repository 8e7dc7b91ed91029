// Which of the kernels that exist only to be faster a network gets: each costs flash once and saves
// cycles in all layers of its shape.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "compiler/cost/kernel_costs.h"

namespace mcunet::compiler {

// --optimize.
enum class Objective {
  Balanced,  // a kernel stays if it saves 0.5 % of the cycles per KiB of code
  Latency,   // the fewest cycles within the board's flash
  Flash,     // the least flash
  Sram,      // the least arena, with Balanced's kernels
};

struct CompiledModel;

// The kernels that the network does better without, to be lowered again without them: among all
// sets of those in use that a more general one can stand in for, the one that suits the objective
// best among those with which the network fits the board's flash, or among all if none does.
std::set<std::string> unwanted_kernels(const CompiledModel& model, const KernelCosts& costs);

}  // namespace mcunet::compiler
