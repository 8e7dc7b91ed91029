// Index arithmetic of operators that move data, shared by interpreter and compiler.
#pragma once

#include <cstdint>

#include "libmcunet/graph/op.h"

namespace mcunet::reference {

// RESIZE_NEAREST_NEIGHBOR along one dimension: the input index for output index `position`;
// computed in float32, as the reference does.
int32_t nearest_index(int32_t position, int32_t in, int32_t out, const ResizeAttrs& attrs);

}  // namespace mcunet::reference
