/* SPDX-License-Identifier: MIT-0 */
/* int8 kernels with the arithmetic of TensorFlow Lite, to the bit. Tensors are NHWC and dense
 * unless a stride says otherwise. Sums wrap modulo 2^32. Inputs and outputs must not overlap unless
 * it is said that they may, which is in one of two ways.
 *
 * Row-wise: mcunet_conv, _depthwise, _average_pool, _max_pool, _resize_nearest. A call computes the
 * output rows [row, row + rows) of one image, in increasing order, from a ring of input rows (see
 * mcunet_params.h) that holds those which the windows need; out is where row `row` goes. Once the
 * first byte of output row y is written, no input row is read that lies before the first one under
 * the window of row y. Hence out may lie over in where no output row y reaches beyond the first
 * byte of the first input row that row y, or any row after it, needs.
 *
 * Pixel-wise: mcunet_conv_1x1, _add, _mul, _minmax, _lut. Memory is run through in increasing
 * order, and a block of pixels is read before any of it is written. Hence out may be an input or
 * begin any distance before it where an output pixel is no larger than an input pixel and that
 * input is not broadcast. */
#ifndef MCUNET_KERNELS_H
#define MCUNET_KERNELS_H

#include "compiler/kernels/mcunet_params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of scratch, given by the caller and 4-byte aligned. k: weights of one output channel,
 * kernel_h * kernel_w * in_c. */
#define MCUNET_CONV_SCRATCH_BYTES(k) (4 * 2 * MCUNET_CONV_BLOCK_DEPTH(k))
#define MCUNET_CONV_1X1_SCRATCH_BYTES(in_c) (4 * 2 * MCUNET_CONV_BLOCK_DEPTH(in_c))
/* Outputs that mcunet_depthwise_KxK makes at a time, at stride 2 half as many. */
#define MCUNET_DEPTHWISE_STRIP(k) 24
#define MCUNET_DEPTHWISE_SCRATCH_BYTES(k) (8 * (k) * (MCUNET_DEPTHWISE_STRIP(k) + (k)-1))
#define MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(in_c) (2 * MCUNET_ROUND_UP_4(in_c))

/* Convolution, one group, any kernel, stride and dilation. Pixels of out follow each other at
 * out_pixel_stride, rows without a gap. A channel stride other than 1 reads planar input. Row-wise.
 * in:      ring of [in_w][in_c], at the strides of p
 * out:     [rows][out_w][out_c]
 * scratch: MCUNET_CONV_SCRATCH_BYTES(kernel_h * kernel_w * in_c) */
void mcunet_conv(const int8_t* in, int8_t* out, int16_t* scratch, const mcunet_conv_params* p,
                 int32_t row, int32_t rows);

/* The same with bounded sums, as for mcunet_conv_1x1, and the weights in the order that
 * mcunet_conv_1x1_params states, for in_c = kernel_h * kernel_w * in_c; where channels are not
 * dense and a multiple of 4, that is MCUNET_CONV_BOUNDED_TAPS at most. */
#define MCUNET_CONV_BOUNDED_TAPS 64
void mcunet_conv_bounded(const int8_t* in, int8_t* out, int16_t* scratch,
                         const mcunet_conv_params* p, int32_t row, int32_t rows);

/* 1x1 convolution of dense pixels, stride 1, no padding; with bounded sums: bias and all products,
 * whatever the input, shifted left where the shift is positive, stay below 2^30 in magnitude.
 * Pixel-wise.
 * in:      [pixels][in_c]
 * out:     [pixels][out_c]
 * scratch: MCUNET_CONV_1X1_SCRATCH_BYTES(in_c) */
void mcunet_conv_1x1(const int8_t* in, int8_t* out, int16_t* scratch,
                     const mcunet_conv_1x1_params* p);

/* The same for int4 weights, in_c < 2^17. */
void mcunet_conv_1x1_s4(const int8_t* in, int8_t* out, int16_t* scratch,
                        const mcunet_conv_1x1_s4_params* p);

/* The same for any sums, slower. */
void mcunet_conv_1x1_any(const int8_t* in, int8_t* out, int16_t* scratch,
                         const mcunet_conv_1x1_any_params* p);

/* Depthwise convolution; output channel = input channel * depth_multiplier + m. Row-wise.
 * in:      ring of [in_w][in_c]
 * out:     [rows][out_w][in_c * depth_multiplier]
 * scratch: not used, may be NULL */
void mcunet_depthwise(const int8_t* in, int8_t* out, int16_t* scratch,
                      const mcunet_depthwise_params* p, int32_t row, int32_t rows);

/* The same for kernels of 3x3, 5x5 and 7x7 with a stride_w of 1 or, ..._s2, of 2; 4 channels or
 * more, a depth multiplier of 1, no dilation, and bounded sums: bias and all products, whatever the
 * input, shifted left where the shift is positive, stay below 2^30 in magnitude. Weights are packed
 * as mcunet_params.h says. scratch: MCUNET_DEPTHWISE_SCRATCH_BYTES(kernel_w) */
void mcunet_depthwise_3x3(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows);
void mcunet_depthwise_3x3_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows);
void mcunet_depthwise_5x5(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows);
void mcunet_depthwise_5x5_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows);
void mcunet_depthwise_7x7(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows);
void mcunet_depthwise_7x7_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows);

/* Likewise with a kernel of 3x3 at a stride_w of 2, but in_c is 1 and depth_multiplier anything.
 * scratch: MCUNET_DEPTHWISE_SCRATCH_BYTES(3) */
void mcunet_depthwise_3x3_s2_single(const int8_t* in, int8_t* out, int16_t* scratch,
                                    const mcunet_depthwise_params* p, int32_t row, int32_t rows);

/* Fully connected, with bounded sums as for mcunet_conv_1x1. (Those with others are 1x1
 * convolutions whose pixels are the rows, for mcunet_conv_1x1_any.)
 * in:      [rows][in_c]
 * out:     [rows][out_c]
 * scratch: MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(in_c) */
void mcunet_fully_connected(const int8_t* in, int8_t* out, int16_t* scratch,
                            const mcunet_fully_connected_params* p);

/* The same for int4 weights, in_c < 2^17. */
void mcunet_fully_connected_s4(const int8_t* in, int8_t* out, int16_t* scratch,
                               const mcunet_fully_connected_s4_params* p);

/* Sum or difference, product, minimum or maximum of two tensors, with broadcasting. Pixel-wise. */
void mcunet_add(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_add_params* p);
void mcunet_mul(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_mul_params* p);
void mcunet_minmax(const int8_t* in1, const int8_t* in2, int8_t* out,
                   const mcunet_minmax_params* p);

/* Pooling over the part of each window that lies inside the image, at least one element. Row-wise.
 * in:  ring of [in_w][channels]
 * out: [rows][out_w][channels] */
void mcunet_average_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p, int32_t row,
                         int32_t rows);
void mcunet_max_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p, int32_t row,
                     int32_t rows);

/* Mean over the reduced dimensions, at most 2^23 elements. */
void mcunet_mean(const int8_t* in, int8_t* out, const mcunet_mean_params* p);

/* Mean over the rows and columns of an image that is never all there: one call per row, from
 * p->first_row to p->last_row, in increasing or decreasing order. At most 2^23 pixels.
 * in:   [width][channels], the row
 * out:  [channels], written in the call for p->last_row; may lie over in
 * sums: [channels], set in the call for p->first_row and carried from call to call */
void mcunet_mean_rows(const int8_t* in, int8_t* out, int32_t* sums,
                      const mcunet_mean_rows_params* p, int32_t row);

/* Likewise for average pooling whose window is the whole image.
 * in, out, sums: as for mcunet_mean_rows */
void mcunet_average_pool_rows(const int8_t* in, int8_t* out, int32_t* sums,
                              const mcunet_average_pool_rows_params* p, int32_t row);

/* Softmax over the last dimension; output scale 1/256, zero point -128. out may be in.
 * in, out: [rows][depth], depth < 4096 */
void mcunet_softmax(const int8_t* in, int8_t* out, const mcunet_softmax_params* p);

/* out[i] = table[(uint8_t)in[i]]: any function of one byte. The table begins with the values of 0
 * to 127, then come those of -128 to -1. Pixel-wise. */
void mcunet_lut(const int8_t* in, int8_t* out, const int8_t* table, int32_t count);

/* Moves an array of bytes; in and out point to the elements with index 0, strides may be negative.
 * A transposition, split, slice or concatenation is one of these. in and out may overlap only if
 * the copy is one run of stride 1. */
void mcunet_copy(const int8_t* in, int8_t* out, const mcunet_copy_params* p);

/* out[0] ... out[count - 1] = value. */
void mcunet_fill(int8_t* out, int8_t value, int32_t count);

/* out[y][x][:] = in[rows[y]][cols[x]][:]. Row-wise; the window of row y is input row rows[y].
 * in:  ring of [in_w][channels]
 * out: [rows][out_w][channels] */
void mcunet_resize_nearest(const int8_t* in, int8_t* out, const mcunet_resize_nearest_params* p,
                           int32_t row, int32_t rows);

/* round(in / scale) + zero, halves away from zero, clamped to the type; NaN gives zero. out points
 * to uint8_t if is_unsigned. */
void mcunet_quantize_f32(const float* in, int8_t* out, const mcunet_quantize_f32_params* p);

/* (in - zero) * scale. in points to uint8_t if is_unsigned. */
void mcunet_dequantize_f32(const int8_t* in, float* out, const mcunet_quantize_f32_params* p);

#ifdef __cplusplus
}
#endif

#endif /* MCUNET_KERNELS_H */
