/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"

void mcunet_lut(const int8_t* in, int8_t* out, const int8_t* table, int32_t count) {
  for (; count >= 4; count -= 4, in += 4, out += 4) {
    /* All read before any is written, so that the loads need not wait for each other. */
    const int8_t a = table[(uint8_t)in[0]], b = table[(uint8_t)in[1]];
    const int8_t c = table[(uint8_t)in[2]], d = table[(uint8_t)in[3]];
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
  }
  for (; count > 0; --count) *out++ = table[(uint8_t)*in++];
}
