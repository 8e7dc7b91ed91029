/* SPDX-License-Identifier: MIT-0 */
/* The walk over two broadcast inputs: calls are made per innermost row, with the offsets of its
 * first elements. */
#ifndef MCUNET_BROADCAST_H
#define MCUNET_BROADCAST_H

#include "compiler/kernels/mcunet_params.h"
#include "compiler/kernels/mcunet_simd.h"

typedef struct mcunet_broadcast_row {
  const int8_t* in1;
  const int8_t* in2;
  int32_t index[MCUNET_MAX_BROADCAST_DIMS - 1];
} mcunet_broadcast_row;

/* Goes to the next row; 0 after the last one. */
MCUNET_INLINE int32_t mcunet_broadcast_next(mcunet_broadcast_row* row,
                                            const mcunet_broadcast* shape) {
  for (int32_t d = MCUNET_MAX_BROADCAST_DIMS - 2; d >= 0; --d) {
    if (++row->index[d] < shape->dims[d]) {
      row->in1 += shape->strides1[d];
      row->in2 += shape->strides2[d];
      return 1;
    }
    row->index[d] = 0;
    row->in1 -= (ptrdiff_t)(shape->dims[d] - 1) * shape->strides1[d];
    row->in2 -= (ptrdiff_t)(shape->dims[d] - 1) * shape->strides2[d];
  }
  return 0;
}

#endif /* MCUNET_BROADCAST_H */
