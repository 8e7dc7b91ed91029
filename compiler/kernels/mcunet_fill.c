/* SPDX-License-Identifier: MIT-0 */
#include <string.h>

#include "compiler/kernels/mcunet_kernels.h"

void mcunet_fill(int8_t* out, int8_t value, int32_t count) {
  if (count > 0) memset(out, value, (size_t)count);
}
