// A first estimate of cycles: instructions per multiply-accumulate and per output by kind of
// operator, as counted on the emulated core, times cycles per instruction.
#pragma once

#include <cstdint>
#include <string>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// `core` is the board's ("cortex-m7" …).
int64_t estimated_cycles(const Graph& graph, const Op& op, const std::string& core);

}  // namespace mcunet::compiler
