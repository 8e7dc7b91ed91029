/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR_7X7_S2                                                                        \
  MCUNET_ROW4_4(MCUNET_BEGIN4(7, MCUNET_AT_ROW, MCUNET_AT_ROW(7, 0, 4)), MCUNET_EVEN, MCUNET_ODD, \
                7, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1)                                            \
  MCUNET_ROW4_4(MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 1, 2), MCUNET_AT_ROW(7, 1, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2)                   \
  MCUNET_ROW4_4(MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 2, 2), MCUNET_AT_ROW(7, 2, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3)                   \
  MCUNET_ROW4_4(MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 3, 2), MCUNET_AT_ROW(7, 3, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4)                   \
  MCUNET_ROW4_4(MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 4, 2), MCUNET_AT_ROW(7, 4, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 4, MCUNET_AT_ROW, 5)                   \
  MCUNET_ROW4_4(MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 5, 2), MCUNET_AT_ROW(7, 5, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, 5, MCUNET_AT_ROW, 6)                   \
  MCUNET_EVEN4_FIRST("r5", MCUNET_AT_ROW(7, 6, 2), MCUNET_AT_ROW(7, 6, 4))                        \
  MCUNET_ODD4("r4", "r5", "r6", "r3", MCUNET_AT_ROW(7, 6, 5))                                     \
  MCUNET_TAP4("r7", "r5", "r6", "r3", "r4", "", MCUNET_X("r5", MCUNET_AT_ROW(7, 6, 6)), MCUNET_V, \
              "")                                                                                 \
  MCUNET_END4("r8", "r6", "r3", "r4", "r5")
#define MCUNET_TWO_7X7_S2                                                                         \
  MCUNET_ROW2_4(MCUNET_BEGIN2(MCUNET_AT_ROW(7, 0, 2)), MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT_ROW, \
                0, MCUNET_AT_ROW, 1)                                                              \
  MCUNET_ROW2_4(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 1, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2)                                               \
  MCUNET_ROW2_4(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 2, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3)                                               \
  MCUNET_ROW2_4(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 3, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4)                                               \
  MCUNET_ROW2_4(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 4, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT_ROW, 4, MCUNET_AT_ROW, 5)                                               \
  MCUNET_ROW2_4(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 5, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT_ROW, 5, MCUNET_AT_ROW, 6)                                               \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(7, 6, 2))                                                \
  MCUNET_ODD2("r4", "r3", MCUNET_AT_ROW(7, 6, 3))                                                 \
  MCUNET_SMLAD("r10", "r3", "r7")                                                                 \
  MCUNET_X("r3", MCUNET_AT_ROW(7, 6, 4))                                                          \
  MCUNET_V MCUNET_SMLAD("r11", "r4", "r7") MCUNET_END2("r8", "r4", "r3")

MCUNET_INLINE void mcunet_depthwise_7x7_s2_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 7, 2, 4,
                       MCUNET_ROLLING(7, MCUNET_AT_ROW, MCUNET_FOUR_7X7_S2, MCUNET_TWO_7X7_S2));
#else
  mcunet_depthwise_channels(run, 7, 2, 1);
#endif
}

void mcunet_depthwise_7x7_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 7, 2, 0,
                          mcunet_depthwise_7x7_s2_channels);
}
