/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_3x3_s2.h"

MCUNET_INLINE void mcunet_depthwise_3x3_s2_single_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 3, 2, 0,
                       MCUNET_ROLLING(3, MCUNET_AT_ROW, MCUNET_FOUR_3X3_S2, MCUNET_TWO_3X3_S2));
#else
  mcunet_depthwise_channels(run, 3, 2, 0);
#endif
}

void mcunet_depthwise_3x3_s2_single(const int8_t* in, int8_t* out, int16_t* scratch,
                                    const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 2, 1,
                          mcunet_depthwise_3x3_s2_single_channels);
}
