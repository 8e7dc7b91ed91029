/* SPDX-License-Identifier: MIT-0 */
/* What each kernel needs to know of an operator. All are computed offline and lie in flash. Tensors
 * are NHWC, strides count elements (bytes). A multiplier and its shift stand for multiplier *
 * 2^(shift - 31); see mcunet_requantize.
 *
 * Images that are read through windows lie in a ring of in_rows rows, in_row_stride bytes apart:
 * row y of the image lies in slot y % in_rows. A whole image is a ring of in_h rows. in_h is the
 * height of the image, whatever part of it the ring holds; a row may be wider than its in_w pixels.
 */
#ifndef MCUNET_PARAMS_H
#define MCUNET_PARAMS_H

#include <stdint.h>

/* n rounded up to a multiple of 4: the bytes of a packed row of n weights. */
#define MCUNET_ROUND_UP_4(n) (((n) + 3) / 4 * 4)

#define MCUNET_MAX_BROADCAST_DIMS 5
#define MCUNET_MAX_REDUCE_DIMS 4
#define MCUNET_MAX_COPY_DIMS 6

typedef struct mcunet_conv_params {
  const int8_t* weights; /* [out_c][K4]: rows (ky, kx, channel) of K = kernel_h * kernel_w * in_c
                            bytes, zeros up to K4 = MCUNET_ROUND_UP_4(K); 4-byte aligned */
  const int32_t* bias;   /* [out_c], less in_zero * (sum of the row) */
  const int32_t* multiplier; /* [out_c] */
  const int8_t* shift;       /* [out_c] */
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w, out_c;
  int32_t in_rows; /* in_h if in_channel_stride is not 1 */
  int32_t in_row_stride, in_pixel_stride, in_channel_stride;
  int32_t out_pixel_stride;
  int16_t kernel_h, kernel_w;
  int16_t stride_h, stride_w;
  int16_t dilation_h, dilation_w;
  int16_t pad_top, pad_left;
  int8_t in_zero; /* what padding holds */
  int8_t out_zero, act_min, act_max;
  const int32_t* constants; /* of mcunet_conv_bounded, as below, instead of the first four */
} mcunet_conv_params;
typedef mcunet_conv_params mcunet_conv_bounded_params;

typedef struct mcunet_conv_1x1_params {
  const int32_t* constants; /* as below */
  int32_t pixels;           /* batches * height * width */
  int32_t in_c, out_c;
  int8_t out_zero, act_min, act_max;
  int8_t reserved;
} mcunet_conv_1x1_params;

/* Constants of mcunet_conv_1x1 and mcunet_conv_bounded: MCUNET_CONV_BLOCK_WORDS. Channels come in
 * pairs u and v: 0 and 1, 2 and 3, ...; if there is an odd last one, it is v and the one before it
 * is u once more. Of each pair,
 *   bias of u * 2^10 + the shifts of the pair before: that of u and 32 * that of v;
 *   bias of u + 256 * bias of v;
 *   for every 4 of the K inputs: 256 * v + u of inputs 0 and 2 as the halves of a word, then of 1
 *   and 3; zeros up to MCUNET_CONV_BLOCK_DEPTH;
 *   multiplier of u; multiplier of v
 * and finally a word with the shifts of the last pair and a word that is not used. A shift is one
 * less than the right shift; that of v is 7 more if the output's zero point is -128. With sums over
 * all inputs and the bias, U and V: |U| < 2^30, |V| < 2^23, multiplier > 0; right shifts from 1 to
 * 22, from -6 to 16 for v if the zero point is -128. */
#define MCUNET_CONV_BLOCK_DEPTH(k) ((k) > 4 ? MCUNET_ROUND_UP_4(k) : 8)
#define MCUNET_CONV_BLOCK_WORDS(k, out_c) \
  (((out_c) + 1) / 2 * (MCUNET_CONV_BLOCK_DEPTH(k) / 2 + 4) + 2)

typedef struct mcunet_conv_1x1_any_params {
  const int8_t* weights; /* [out_c][in_c] */
  const int32_t* bias;
  const int32_t* multiplier;
  const int8_t* shift;
  int32_t pixels; /* batches * height * width */
  int32_t in_c, out_c;
  int8_t out_zero, act_min, act_max;
  int8_t reserved;
} mcunet_conv_1x1_any_params;

typedef struct mcunet_conv_1x1_s4_params {
  const int8_t* weights;     /* of two output channels u and v after the other; for every 4 input
                                channels four bytes with u0 v0 u2 v2 in their upper halves, u1 v1 u3 v3
                                in the lower ones, zeros where there is none; 4-byte aligned */
  const int32_t* bias;       /* [out_c], less in_zero * (sum of the channel's weights) */
  const int32_t* multiplier; /* [out_c] */
  const int8_t* shift;       /* [out_c] */
  int32_t pixels;            /* batches * height * width */
  int32_t in_c, out_c;
  int8_t out_zero, act_min, act_max;
  int8_t reserved;
} mcunet_conv_1x1_s4_params;

typedef struct mcunet_depthwise_params {
  const int8_t* weights; /* [kernel_h][kernel_w][in_c * depth_multiplier] */
  const int32_t*
      bias; /* [in_c * depth_multiplier], less in_zero * (sum of all the channel's weights) */
  const int32_t* multiplier; /* [in_c * depth_multiplier] */
  const int8_t* shift;       /* [in_c * depth_multiplier] */
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w;
  int32_t in_rows, in_row_stride;
  int16_t depth_multiplier;
  int16_t kernel_h, kernel_w;
  int16_t stride_h, stride_w;
  int16_t dilation_h, dilation_w;
  int16_t pad_top, pad_left;
  int8_t in_zero; /* what padding holds */
  int8_t out_zero, act_min, act_max;
  int16_t reserved;
} mcunet_depthwise_params;

/* For mcunet_depthwise_3x3 and its like, their own order of weights: MCUNET_DEPTHWISE_WEIGHT_BYTES
 * for each channel. The multiplications take pairs of weights (low, high); bytes 0 and 2 of a word
 * are one pair, bytes 1 and 3 the next; the last word is filled up with zeros. The pairs,
 * w[ky][kx]: stride 1: (w[0][kx], w[1][kx]) for all kx, then rows 2 and 3, and so on; of the last
 * row (w[0], w[1]), (w[1], w[2]) ... (w[k - 2], w[k - 1]) stride 2: of each row (w[0], w[1]),
 * (w[2], w[3]) ... (w[k - 1], 0) */
#define MCUNET_DEPTHWISE_PAIRS(k, stride) \
  ((stride) == 1 ? (k) / 2 * (k) + (k)-1 : (k) * (((k) + 1) / 2))
#define MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride) ((MCUNET_DEPTHWISE_PAIRS(k, stride) + 1) / 2 * 4)

typedef mcunet_depthwise_params mcunet_depthwise_3x3_params;
typedef mcunet_depthwise_params mcunet_depthwise_5x5_params;
typedef mcunet_depthwise_params mcunet_depthwise_7x7_params;
typedef mcunet_depthwise_params mcunet_depthwise_3x3_s2_params;
typedef mcunet_depthwise_params mcunet_depthwise_3x3_s2_single_params;
typedef mcunet_depthwise_params mcunet_depthwise_5x5_s2_params;
typedef mcunet_depthwise_params mcunet_depthwise_7x7_s2_params;

typedef struct mcunet_fully_connected_params {
  const int8_t* weights;     /* of four channels together: for every 4 inputs the 4 weights of the
                                first channel, of the second, third and fourth; then the channels
                                that are left over, each alone. Zeros where there is no input;
                                4-byte aligned */
  const int32_t* bias;       /* [out_c], less in_zero * (sum of the row) */
  const int32_t* multiplier; /* [out_c], or [1] without per_channel */
  const int8_t* shift;       /* like multiplier */
  int32_t rows;
  int32_t in_c, out_c;
  int8_t per_channel; /* 0 or 1 */
  int8_t out_zero, act_min, act_max;
} mcunet_fully_connected_params;

/* For int4 weights: of four channels together, for every 4 inputs four bytes with the weights of
 * the first channel in their upper halves and those of the second in the lower ones, then the third
 * and fourth; zeros where there is no input or channel. */
typedef mcunet_fully_connected_params mcunet_fully_connected_s4_params;

/* How two inputs spread over an output: dims from the outermost, 1 where there are fewer; stride 0
 * repeats. Inputs of one shape are {1, 1, 1, 1, n} with innermost strides 1. The output is dense.
 */
typedef struct mcunet_broadcast {
  int32_t dims[MCUNET_MAX_BROADCAST_DIMS];
  int32_t strides1[MCUNET_MAX_BROADCAST_DIMS];
  int32_t strides2[MCUNET_MAX_BROADCAST_DIMS];
} mcunet_broadcast;

typedef struct mcunet_add_params {
  mcunet_broadcast shape;
  int32_t multiplier1, multiplier2,
      out_multiplier; /* s1/t, s2/t, t/(2^20 * sy) with t = 2 * max(s1, s2) */
  int8_t shift1, shift2, out_shift;
  int8_t subtract; /* 1: in1 - in2. Not the same as a negative multiplier2, which rounds halves the
                      other way. */
  int8_t zero1, zero2, out_zero, act_min, act_max;
  int8_t reserved[3];
} mcunet_add_params;

typedef struct mcunet_mul_params {
  mcunet_broadcast shape;
  int32_t multiplier; /* s1 * s2 / sy */
  int8_t shift;
  int8_t zero1, zero2, out_zero, act_min, act_max;
  int8_t reserved[2];
} mcunet_mul_params;

typedef struct mcunet_minmax_params {
  mcunet_broadcast shape;
  int32_t maximum; /* 1: maximum, 0: minimum */
} mcunet_minmax_params;

typedef struct mcunet_pool_params {
  int32_t in_h, in_w, channels;
  int32_t out_h, out_w;
  int32_t in_rows, in_row_stride;
  int16_t filter_h, filter_w;
  int16_t stride_h, stride_w;
  int16_t pad_top, pad_left; /* padded positions do not take part */
  int8_t act_min, act_max;
  int8_t reserved[2];
} mcunet_pool_params;

typedef struct mcunet_mean_params {
  int32_t kept[MCUNET_MAX_REDUCE_DIMS]; /* extents from the outermost, 1 where there are fewer */
  int32_t kept_in_strides[MCUNET_MAX_REDUCE_DIMS];
  int32_t kept_out_strides[MCUNET_MAX_REDUCE_DIMS];
  int32_t reduced[MCUNET_MAX_REDUCE_DIMS];
  int32_t reduced_strides[MCUNET_MAX_REDUCE_DIMS];
  int32_t offset;     /* in_zero * (product of reduced), subtracted from the sum */
  int32_t multiplier; /* the division is in it */
  int8_t shift;
  int8_t out_zero, act_min, act_max;
} mcunet_mean_params;

typedef struct mcunet_mean_rows_params {
  int32_t width, channels;
  int32_t offset;              /* in_zero * height * width, subtracted from the sum */
  int32_t multiplier;          /* the division is in it */
  int32_t first_row, last_row; /* of the image, in the order of the calls */
  int8_t shift;
  int8_t out_zero, act_min, act_max;
} mcunet_mean_rows_params;

typedef struct mcunet_average_pool_rows_params {
  int32_t width, channels;
  int32_t count;               /* height * width */
  int32_t first_row, last_row; /* of the image, in the order of the calls */
  int8_t act_min, act_max;
  int8_t reserved[2];
} mcunet_average_pool_rows_params;

typedef struct mcunet_softmax_params {
  const int32_t* exp; /* [256]: exp(-beta * scale * i) in Q0.31 for i = maximum - x; 0 from where
                         TFLite takes it as 0 */
  int32_t rows, depth;
} mcunet_softmax_params;

typedef struct mcunet_copy_params {
  int32_t dims[MCUNET_MAX_COPY_DIMS]; /* from the outermost, 1 where there are fewer */
  int32_t in_strides[MCUNET_MAX_COPY_DIMS];
  int32_t out_strides[MCUNET_MAX_COPY_DIMS];
} mcunet_copy_params;

typedef struct mcunet_resize_nearest_params {
  const uint16_t* rows; /* [out_h]: the input row of each output row */
  const uint16_t* cols; /* [out_w]: the input column of each output column */
  int32_t in_h, in_w, channels;
  int32_t out_h, out_w;
  int32_t in_rows, in_row_stride;
} mcunet_resize_nearest_params;

typedef struct mcunet_quantize_f32_params {
  float scale;
  int32_t zero;
  int32_t count;
  int32_t is_unsigned; /* 1: the integers are uint8 */
} mcunet_quantize_f32_params;

#endif /* MCUNET_PARAMS_H */
