/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR                                                             \
  MCUNET_ROW4_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW4_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_ROW4_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3) \
  MCUNET_ROW4_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4) \
  MCUNET_LAST4_3(5, 4)
#define MCUNET_TWO                                                              \
  MCUNET_ROW2_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW2_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_ROW2_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3) \
  MCUNET_ROW2_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4) \
  MCUNET_LAST2_3(5, 4)

MCUNET_INLINE void mcunet_depthwise_5x5_s2_channel(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, MCUNET_ROLLING(5, MCUNET_AT_ROW, MCUNET_FOUR, MCUNET_TWO, 320));
#else
  mcunet_depthwise_channel(run, 5, 2);
#endif
}

void mcunet_depthwise_5x5_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 5, 2, mcunet_depthwise_5x5_s2_channel);
}
