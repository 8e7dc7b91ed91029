/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"

void mcunet_dequantize_f32(const int8_t* in, float* out, const mcunet_quantize_f32_params* p) {
  for (int32_t i = 0; i < p->count; ++i) {
    const int32_t value = p->is_unsigned ? (uint8_t)in[i] : in[i];
    out[i] = (float)(value - p->zero) * p->scale;
  }
}
