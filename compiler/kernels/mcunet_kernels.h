/* SPDX-License-Identifier: MIT-0 */
/* int8 kernels with the arithmetic of TensorFlow Lite, to the bit. Tensors are NHWC and dense
 * unless a stride says otherwise. Sums wrap modulo 2^32. Inputs and outputs must not overlap unless
 * it is said that they may. */
#ifndef MCUNET_KERNELS_H
#define MCUNET_KERNELS_H

#include "compiler/kernels/mcunet_params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of scratch, given by the caller and 4-byte aligned. k: weights of one output channel,
 * kernel_h * kernel_w * in_c. */
#define MCUNET_CONV_SCRATCH_BYTES(k) (2 * 2 * MCUNET_ROUND_UP_4(k))
#define MCUNET_CONV_1X1_SCRATCH_BYTES(in_c) (3 * 2 * MCUNET_ROUND_UP_4(in_c))
#define MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(in_c) (2 * MCUNET_ROUND_UP_4(in_c))

/* Convolution, one group, any kernel, stride and dilation. Pixels of out follow each other at
 * out_pixel_stride, rows without a gap. A channel stride other than 1 reads planar input.
 * in:      [batches][in_h][in_w][in_c] at the strides of p
 * out:     [batches][out_h][out_w][out_c]
 * scratch: MCUNET_CONV_SCRATCH_BYTES(kernel_h * kernel_w * in_c) */
void mcunet_conv(const int8_t* in, int8_t* out, int16_t* scratch, const mcunet_conv_params* p);

/* 1x1 convolution of dense pixels, stride 1, no padding. Where out_c <= in_c, out may be in or
 * begin before it.
 * in:      [pixels][in_c]
 * out:     [pixels][out_c]
 * scratch: MCUNET_CONV_1X1_SCRATCH_BYTES(in_c) */
void mcunet_conv_1x1(const int8_t* in, int8_t* out, int16_t* scratch,
                     const mcunet_conv_1x1_params* p);

/* Depthwise convolution; output channel = input channel * depth_multiplier + m.
 * in:      [batches][in_h][in_w][in_c]
 * out:     [batches][out_h][out_w][in_c * depth_multiplier]
 * scratch: not used, may be NULL */
void mcunet_depthwise(const int8_t* in, int8_t* out, int16_t* scratch,
                      const mcunet_depthwise_params* p);

/* Fully connected.
 * in:      [rows][in_c]
 * out:     [rows][out_c]
 * scratch: MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(in_c) */
void mcunet_fully_connected(const int8_t* in, int8_t* out, int16_t* scratch,
                            const mcunet_fully_connected_params* p);

/* Sum or difference, product, minimum or maximum of two tensors, with broadcasting. out may be an
 * input that is not broadcast. */
void mcunet_add(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_add_params* p);
void mcunet_mul(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_mul_params* p);
void mcunet_minmax(const int8_t* in1, const int8_t* in2, int8_t* out,
                   const mcunet_minmax_params* p);

/* Pooling over the part of each window that lies inside the image, at least one element.
 * in:  [batches][in_h][in_w][channels]
 * out: [batches][out_h][out_w][channels] */
void mcunet_average_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p);
void mcunet_max_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p);

/* Mean over the reduced dimensions, at most 2^23 elements. */
void mcunet_mean(const int8_t* in, int8_t* out, const mcunet_mean_params* p);

/* Softmax over the last dimension; output scale 1/256, zero point -128. out may be in.
 * in, out: [rows][depth], depth < 4096 */
void mcunet_softmax(const int8_t* in, int8_t* out, const mcunet_softmax_params* p);

/* out[i] = table[(uint8_t)in[i]]: any function of one byte. The table begins with the values of 0
 * to 127, then come those of -128 to -1. out may be in. */
void mcunet_lut(const int8_t* in, int8_t* out, const int8_t* table, int32_t count);

/* Moves an array of bytes; in and out point to the elements with index 0, strides may be negative.
 * A transposition, split, slice or concatenation is one of these. in and out may overlap only if
 * the copy is one run of stride 1. */
void mcunet_copy(const int8_t* in, int8_t* out, const mcunet_copy_params* p);

/* out[0] ... out[count - 1] = value. */
void mcunet_fill(int8_t* out, int8_t value, int32_t count);

/* out[b][y][x][:] = in[b][rows[y]][cols[x]][:] */
void mcunet_resize_nearest(const int8_t* in, int8_t* out, const mcunet_resize_nearest_params* p);

/* round(in / scale) + zero, halves away from zero, clamped to the type; NaN gives zero. out points
 * to uint8_t if is_unsigned. */
void mcunet_quantize_f32(const float* in, int8_t* out, const mcunet_quantize_f32_params* p);

/* (in - zero) * scale. in points to uint8_t if is_unsigned. */
void mcunet_dequantize_f32(const int8_t* in, float* out, const mcunet_quantize_f32_params* p);

#ifdef __cplusplus
}
#endif

#endif /* MCUNET_KERNELS_H */
