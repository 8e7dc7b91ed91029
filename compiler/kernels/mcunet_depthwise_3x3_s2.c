/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

/* w0, w1: the taps (0, 1) and 2 of row 0; w2, w3: of row 1; w4, w5: of row 2. */
#define MCUNET_WEIGHTS_3X3_S2                                                   \
  const uint32_t packed0 = mcunet_load_s8x4(weights);                           \
  const uint32_t packed1 = mcunet_load_s8x4(weights + 4);                       \
  const uint32_t packed2 = mcunet_load_s8x4(weights + 8);                       \
  const uint32_t w0 = mcunet_sxtb16(packed0), w1 = mcunet_sxtb16_ror8(packed0); \
  const uint32_t w2 = mcunet_sxtb16(packed1), w3 = mcunet_sxtb16_ror8(packed1); \
  const uint32_t w4 = mcunet_sxtb16(packed2), w5 = mcunet_sxtb16_ror8(packed2)

MCUNET_INLINE void mcunet_depthwise_3x3_s2_four(const uint32_t* x, const int8_t* weights,
                                                uint32_t sums[4]) {
  MCUNET_WEIGHTS_3X3_S2;
  const uint32_t bias = sums[0];
  uint32_t a, b, c, d, t, u;
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 0, 0)]);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 0, 1)]);
  MCUNET_MAC_FROM(a, bias, t, w0);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 0, 2)]);
  MCUNET_MAC_FROM(b, bias, u, w0);
  MCUNET_MAC(a, u, w1);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 0, 3)]);
  MCUNET_MAC_FROM(c, bias, t, w0);
  MCUNET_MAC(b, t, w1);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 0, 4)]);
  MCUNET_MAC_FROM(d, bias, u, w0);
  MCUNET_MAC(c, u, w1);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 1, 0)]);
  MCUNET_MAC(d, t, w1);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 1, 1)]);
  MCUNET_MAC(a, u, w2);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 1, 2)]);
  MCUNET_MAC(b, t, w2);
  MCUNET_MAC(a, t, w3);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 1, 3)]);
  MCUNET_MAC(c, u, w2);
  MCUNET_MAC(b, u, w3);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 1, 4)]);
  MCUNET_MAC(d, t, w2);
  MCUNET_MAC(c, t, w3);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 2, 0)]);
  MCUNET_MAC(d, u, w3);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 2, 1)]);
  MCUNET_MAC(a, t, w4);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 2, 2)]);
  MCUNET_MAC(b, u, w4);
  MCUNET_MAC(a, u, w5);
  MCUNET_FETCH(u, x[MCUNET_AT_ROW(3, 2, 3)]);
  MCUNET_MAC(c, t, w4);
  MCUNET_MAC(b, t, w5);
  MCUNET_FETCH(t, x[MCUNET_AT_ROW(3, 2, 4)]);
  MCUNET_MAC(d, u, w4);
  MCUNET_MAC(c, u, w5);
  MCUNET_MAC(d, t, w5);
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

MCUNET_INLINE void mcunet_depthwise_3x3_s2_two(const uint32_t* x, const int8_t* weights,
                                               uint32_t sums[4]) {
  MCUNET_WEIGHTS_3X3_S2;
  for (int32_t i = 0; i < 2; ++i) {
    uint32_t s = sums[i];
    s = mcunet_smlad(x[MCUNET_AT_ROW(3, 0, i)], w0, s);
    s = mcunet_smlad(x[MCUNET_AT_ROW(3, 0, i + 1)], w1, s);
    s = mcunet_smlad(x[MCUNET_AT_ROW(3, 1, i)], w2, s);
    s = mcunet_smlad(x[MCUNET_AT_ROW(3, 1, i + 1)], w3, s);
    s = mcunet_smlad(x[MCUNET_AT_ROW(3, 2, i)], w4, s);
    sums[i] = mcunet_smlad(x[MCUNET_AT_ROW(3, 2, i + 1)], w5, s);
  }
}

void mcunet_depthwise_3x3_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 2, mcunet_depthwise_3x3_s2_four,
                          mcunet_depthwise_3x3_s2_two);
}
