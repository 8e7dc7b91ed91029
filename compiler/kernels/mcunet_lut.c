/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"

void mcunet_lut(const int8_t* in, int8_t* out, const int8_t* table, int32_t count) {
  for (int32_t i = 0; i < count; ++i) out[i] = table[(uint8_t)in[i]];
}
