/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_simd.h"

void mcunet_quantize_f32(const float* in, int8_t* out, const mcunet_quantize_f32_params* p) {
  const int32_t low = p->is_unsigned ? 0 : INT8_MIN, high = p->is_unsigned ? UINT8_MAX : INT8_MAX;
  for (int32_t i = 0; i < p->count; ++i) {
    const float scaled = in[i] / p->scale;
    int32_t rounded = 0; /* of NaN, which fails every comparison */
    /* 512 is beyond the range with any zero point, and safe to convert. */
    if (scaled >= 512.0f) {
      rounded = 512;
    } else if (scaled <= -512.0f) {
      rounded = -512;
    } else if (scaled > -512.0f) {
      rounded = (int32_t)scaled;
      /* The fraction is exact, unlike scaled + 0.5. */
      const float fraction = scaled - (float)rounded;
      if (fraction >= 0.5f) ++rounded;
      if (fraction <= -0.5f) --rounded;
    }
    const int32_t value = rounded + p->zero;
    const uint8_t byte = (uint8_t)(value < low ? low : value > high ? high : value);
    memcpy(out + i, &byte, 1);
  }
}
