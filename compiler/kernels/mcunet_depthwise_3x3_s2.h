/* SPDX-License-Identifier: MIT-0 */
/* The sums of four outputs and of two with a kernel of 3x3 at stride 2, for MCUNET_ROLLING. */
#ifndef MCUNET_DEPTHWISE_3X3_S2_H
#define MCUNET_DEPTHWISE_3X3_S2_H

#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR_3X3_S2                                                                      \
  MCUNET_BEGIN4(3, MCUNET_AT_ROW, MCUNET_AT_ROW(3, 0, 4))                                       \
  MCUNET_SMLAD("lr", "r3", "r8")                                                                \
  MCUNET_X("r3", MCUNET_AT_ROW(3, 1, 0))                                                        \
  MCUNET_W MCUNET_SMLAD("r10", "r4", "r8") MCUNET_X("r4", MCUNET_AT_ROW(3, 1, 1)) MCUNET_SMLAD( \
      "r11", "r5", "r8") MCUNET_X("r5", MCUNET_AT_ROW(3, 1, 2)) MCUNET_SMLAD("r12", "r6", "r8") \
      MCUNET_EVEN4_FIRST("r6", MCUNET_AT_ROW(3, 1, 3), MCUNET_AT_ROW(3, 1, 4))                  \
          MCUNET_SMLAD("lr", "r3", "r8") MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 0))                 \
              MCUNET_W MCUNET_SMLAD("r10", "r4", "r8") MCUNET_X("r4", MCUNET_AT_ROW(3, 2, 1))   \
                  MCUNET_SMLAD("r11", "r5", "r8") MCUNET_X("r5", MCUNET_AT_ROW(3, 2, 2))        \
                      MCUNET_SMLAD("r12", "r6", "r8") MCUNET_TAP4(                              \
                          "r7", "r3", "r4", "r5", "r6", MCUNET_X("r6", MCUNET_AT_ROW(3, 2, 3)), \
                          MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 4)), MCUNET_V, "")                 \
                          MCUNET_END4("r8", "r4", "r5", "r6", "r3")
#define MCUNET_TWO_3X3_S2                                                                          \
  MCUNET_ROW2_2(MCUNET_BEGIN2(MCUNET_AT_ROW(3, 0, 2)), MCUNET_ODD, 3, MCUNET_AT_ROW, 0,            \
                MCUNET_AT_ROW, 1)                                                                  \
  MCUNET_ROW2_2(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(3, 1, 2)), MCUNET_ODD, 3, MCUNET_AT_ROW, 1, \
                MCUNET_AT_ROW, 2)                                                                  \
  MCUNET_SMLAD("r10", "r3", "r7")                                                                  \
  MCUNET_X("r3", MCUNET_AT_ROW(3, 2, 2))                                                           \
  MCUNET_V MCUNET_SMLAD("r11", "r4", "r7") MCUNET_END2("r8", "r4", "r3")

#endif /* MCUNET_DEPTHWISE_3X3_S2_H */
