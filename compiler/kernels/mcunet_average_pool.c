/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_pool.h"

void mcunet_average_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p, int32_t row,
                         int32_t rows) {
  mcunet_pool_rows(in, out, 1, p, row, rows);
}
