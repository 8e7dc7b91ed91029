/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR                                                                               \
  MCUNET_BEGIN4(3, MCUNET_AT_ROW, MCUNET_AT_ROW(3, 0, 4))                                         \
  MCUNET_SMLAD("lr", "r3", "r8")                                                                  \
  MCUNET_X("r3", MCUNET_AT_ROW(3, 1, 0)) MCUNET_W MCUNET_SMLAD("r10", "r4", "r8")                 \
      MCUNET_X("r4", MCUNET_AT_ROW(3, 1, 1)) MCUNET_SMLAD("r11", "r5", "r8") MCUNET_X(            \
          "r5", MCUNET_AT_ROW(3, 1, 2)) MCUNET_SMLAD("r12", "r6", "r8")                           \
          MCUNET_EVEN4_FIRST("r6", MCUNET_AT_ROW(3, 1, 3), MCUNET_AT_ROW(3, 1, 4))                \
              MCUNET_SMLAD("lr", "r3", "r8") MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 0))               \
                  MCUNET_W MCUNET_SMLAD("r10", "r4", "r8") MCUNET_X("r4", MCUNET_AT_ROW(3, 2, 1)) \
                      MCUNET_SMLAD("r11", "r5", "r8") MCUNET_X("r5", MCUNET_AT_ROW(3, 2, 2))      \
                          MCUNET_SMLAD("r12", "r6", "r8")                                         \
                              MCUNET_TAP4("r7", "r3", "r4", "r5", "r6",                           \
                                          MCUNET_X("r6", MCUNET_AT_ROW(3, 2, 3)),                 \
                                          MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 4)), MCUNET_V, "")   \
                                  MCUNET_END4("r8", "r4", "r5", "r6", "r3")
#define MCUNET_TWO                                                                                 \
  MCUNET_ROW2_2(MCUNET_BEGIN2(MCUNET_AT_ROW(3, 0, 2)), MCUNET_ODD, 3, MCUNET_AT_ROW, 0,            \
                MCUNET_AT_ROW, 1)                                                                  \
  MCUNET_ROW2_2(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(3, 1, 2)), MCUNET_ODD, 3, MCUNET_AT_ROW, 1, \
                MCUNET_AT_ROW, 2)                                                                  \
  MCUNET_SMLAD("r10", "r3", "r7")                                                                  \
  MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 2)) MCUNET_V MCUNET_SMLAD("r11", "r4", "r7")                  \
      MCUNET_END2("r8", "r4", "r3")

MCUNET_INLINE void mcunet_depthwise_3x3_s2_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 3, 2, MCUNET_ROLLING(3, MCUNET_AT_ROW, MCUNET_FOUR, MCUNET_TWO));
#else
  mcunet_depthwise_channels(run, 3, 2);
#endif
}

void mcunet_depthwise_3x3_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 2, mcunet_depthwise_3x3_s2_channels);
}
