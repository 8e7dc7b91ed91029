// What "a valid graph" means. Every frontend ends with validate(); everything behind it may rely on
// the result.
#pragma once

#include "libmcunet/graph/graph.h"

namespace mcunet {

// Checks indices, order of execution, arity, shapes against shape inference, dtypes, quantization
// and sizes of constants. Throws Error(Input) with all problems found, each naming operator and
// tensor.
void validate(const Graph& graph);

}  // namespace mcunet
