/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR                                                             \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3) \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4) \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 4, MCUNET_AT_ROW, 5) \
  MCUNET_ROW4_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 5, MCUNET_AT_ROW, 6) \
  MCUNET_LAST4_4(7, 6)
#define MCUNET_TWO                                                              \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3) \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4) \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 4, MCUNET_AT_ROW, 5) \
  MCUNET_ROW2_4(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 5, MCUNET_AT_ROW, 6) \
  MCUNET_LAST2_4(7, 6)

MCUNET_INLINE void mcunet_depthwise_7x7_s2_channel(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, MCUNET_ROLLING(7, MCUNET_AT_ROW, MCUNET_FOUR, MCUNET_TWO, 448));
#else
  mcunet_depthwise_channel(run, 7, 2);
#endif
}

void mcunet_depthwise_7x7_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 7, 2, mcunet_depthwise_7x7_s2_channel);
}
