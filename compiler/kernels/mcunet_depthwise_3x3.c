/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

/* w0, w1, w2: columns of rows 0 and 1; w3, w4: (0, 1) and (1, 2) of row 2. All are loaded anew for
 * every four outputs only if the compiler runs out of registers. */
#define MCUNET_WEIGHTS_3X3                                                      \
  const uint32_t packed0 = mcunet_load_s8x4(weights);                           \
  const uint32_t packed1 = mcunet_load_s8x4(weights + 4);                       \
  const uint32_t w0 = mcunet_sxtb16(packed0), w1 = mcunet_sxtb16_ror8(packed0); \
  const uint32_t w2 = mcunet_sxtb16(packed1), w3 = mcunet_sxtb16_ror8(packed1); \
  const uint32_t w4 = mcunet_sxtb16(mcunet_load_s8x4(weights + 8))

MCUNET_INLINE void mcunet_depthwise_3x3_four(const uint32_t* x, const int8_t* weights,
                                             uint32_t sums[4]) {
  MCUNET_WEIGHTS_3X3;
  const uint32_t bias = sums[0];
  uint32_t a, b, c, d, t, u;
  MCUNET_FETCH(t, x[MCUNET_AT(3, 0, 0)]);
  MCUNET_FETCH(u, x[MCUNET_AT(3, 0, 1)]);
  MCUNET_MAC_FROM(a, bias, t, w0);
  MCUNET_FETCH(t, x[MCUNET_AT(3, 0, 2)]);
  MCUNET_MAC_FROM(b, bias, u, w0);
  MCUNET_MAC(a, u, w1);
  MCUNET_FETCH(u, x[MCUNET_AT(3, 0, 3)]);
  MCUNET_MAC_FROM(c, bias, t, w0);
  MCUNET_MAC(b, t, w1);
  MCUNET_MAC(a, t, w2);
  MCUNET_FETCH(t, x[MCUNET_AT(3, 0, 4)]);
  MCUNET_MAC_FROM(d, bias, u, w0);
  MCUNET_MAC(c, u, w1);
  MCUNET_MAC(b, u, w2);
  MCUNET_FETCH(u, x[MCUNET_AT(3, 0, 5)]);
  MCUNET_MAC(d, t, w1);
  MCUNET_MAC(c, t, w2);
  MCUNET_FETCH(t, x[MCUNET_AT_LAST(3, 0)]);
  MCUNET_MAC(d, u, w2);
  MCUNET_FETCH(u, x[MCUNET_AT_LAST(3, 1)]);
  MCUNET_MAC(a, t, w3);
  b = mcunet_smlatb(t, w3, b);
  MCUNET_FETCH(t, x[MCUNET_AT_LAST(3, 2)]);
  MCUNET_MAC(c, u, w3);
  d = mcunet_smlatb(u, w3, d);
  a = mcunet_smlabt(u, w4, a);
  MCUNET_MAC(b, u, w4);
  c = mcunet_smlabt(t, w4, c);
  MCUNET_MAC(d, t, w4);
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

MCUNET_INLINE void mcunet_depthwise_3x3_two(const uint32_t* x, const int8_t* weights,
                                            uint32_t sums[4]) {
  MCUNET_WEIGHTS_3X3;
  uint32_t a = sums[0], b = sums[1];
  a = mcunet_smlad(x[MCUNET_AT(3, 0, 0)], w0, a);
  a = mcunet_smlad(x[MCUNET_AT(3, 0, 1)], w1, a);
  b = mcunet_smlad(x[MCUNET_AT(3, 0, 1)], w0, b);
  a = mcunet_smlad(x[MCUNET_AT(3, 0, 2)], w2, a);
  b = mcunet_smlad(x[MCUNET_AT(3, 0, 2)], w1, b);
  b = mcunet_smlad(x[MCUNET_AT(3, 0, 3)], w2, b);
  MCUNET_TAIL_FIRST(a, b, x[MCUNET_AT_LAST(3, 0)], w3);
  MCUNET_TAIL_LAST(a, b, x[MCUNET_AT_LAST(3, 1)], w4);
  sums[0] = a, sums[1] = b;
}

void mcunet_depthwise_3x3(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 1, mcunet_depthwise_3x3_four,
                          mcunet_depthwise_3x3_two);
}
