/* Runs every kernel on pseudo-random cases and prints one checksum for each: built for the host and
 * for an emulated core, the lines must be the same. Deliberately no printf: what is printed must
 * not depend on a C library. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler/kernels/mcunet_kernels.h"

#define CASES 300
#define CHANNELS 40

static uint32_t state;
static uint32_t hash;
static int8_t in1[40000], in2[4096], out[40000], weights[40000];
static int16_t scratch[8192];
static int32_t bias[256], multiplier[256], exps[256], sums[256], constants[4096];
static int8_t shift[256];
static float floats[512];

static uint32_t next(void) { /* xorshift32 */
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static int32_t in(int32_t low, int32_t high) {
  return low + (int32_t)((next() >> 3) % (uint32_t)(high - low + 1));
}
static int8_t byte(void) { return (int8_t)(in(0, 7) == 0 ? -128 : in(-128, 127)); }

static void fill(int8_t* p, size_t n) {
  for (size_t i = 0; i < n; ++i) p[i] = byte();
}

static void scales(void) {
  for (int i = 0; i < 256; ++i) {
    bias[i] = in(0, 20) == 0 ? (int32_t)next() : in(-20000, 20000);
    multiplier[i] = (int32_t)(next() | 0x40000000u); /* both signs */
    shift[i] = (int8_t)(in(0, 4) == 0 ? in(-31, 8) : in(-12, -5));
  }
  if (in(0, 4) == 0) multiplier[0] = INT32_MIN;
}

static void add_to_hash(const void* data, size_t n) { /* FNV-1a */
  const uint8_t* p = data;
  for (size_t i = 0; i < n; ++i) hash = (hash ^ p[i]) * 16777619u;
}

static void print(const char* name);

/* The reset state for a kernel, so that its line does not depend on the others. */
static void begin(void) {
  state = 0x12345678u;
  hash = 2166136261u;
}

static void random_shape(mcunet_broadcast* s) {
  int32_t size1 = 1, size2 = 1;
  for (int d = MCUNET_MAX_BROADCAST_DIMS - 1; d >= 0; --d) {
    const int32_t n = in(1, d == MCUNET_MAX_BROADCAST_DIMS - 1 ? 12 : 4), kind = in(0, 3);
    s->dims[d] = n;
    s->strides1[d] = kind == 0 ? 0 : size1;
    s->strides2[d] = kind == 1 ? 0 : size2;
    size1 *= kind == 0 ? 1 : n;
    size2 *= kind == 1 ? 1 : n;
  }
}

/* A ring of h rows or fewer, all that a window of so many taps needs. */
static int32_t ring_rows(int32_t h, int32_t taps, int32_t dilation) {
  const int32_t span = (taps - 1) * dilation + 1;
  return in(span < h ? span : h, h);
}

/* Constants of the block kernels; now and then any words at all, on which both builds must agree.
 */
static void block_constants(int32_t k, int32_t out_c) {
  const int32_t words = MCUNET_CONV_BLOCK_DEPTH(k) / 2, any = in(0, 5) == 0;
  int32_t* to = constants;
  for (int32_t i = 0; i < (out_c + 1) / 2; ++i) {
    const int32_t shifts = in(3, 13) + 32 * in(3, 20);
    *to++ = any ? (int32_t)next() : in(-20000, 20000) * 1024 + shifts;
    *to++ = any ? (int32_t)next() : in(-5000000, 5000000);
    for (int32_t j = 0; j < words; ++j) *to++ = (int32_t)next();
    *to++ = any ? (int32_t)next() : in(1 << 30, INT32_MAX);
    *to++ = any ? (int32_t)next() : in(1 << 30, INT32_MAX);
  }
  *to++ = any ? (int32_t)next() : 7 + 32 * 14;
  *to++ = 0;
}

static void bounded_scales(void);

static void run_conv(void) {
  const int32_t in_c = in(1, 12), h = in(1, 8), w = in(1, 8), planar = in(0, 1);
  const int32_t first = in(1, 5), second = in(0, 3);
  mcunet_conv_params p = {.weights = weights,
                          .bias = bias,
                          .multiplier = multiplier,
                          .shift = shift,
                          .in_h = h,
                          .in_w = w,
                          .in_c = in_c,
                          .out_h = first + second,
                          .out_w = in(1, 5),
                          .out_c = in(1, 6),
                          .kernel_h = 3,
                          .stride_w = 1,
                          .dilation_h = 1,
                          .pad_top = 1,
                          .act_min = -128,
                          .act_max = 127};
  p.in_zero = byte();
  p.out_zero = byte();
  p.in_channel_stride = planar ? h * w : 1;
  p.in_pixel_stride = planar ? 1 : in_c;
  p.in_row_stride = w * p.in_pixel_stride + (planar ? 0 : in(0, 3));
  p.in_rows = planar ? h : ring_rows(h, p.kernel_h, p.dilation_h);
  p.out_pixel_stride = p.out_c;
  p.kernel_w = (int16_t)in(1, 5);
  p.stride_h = (int16_t)in(1, 3);
  p.dilation_w = (int16_t)in(1, 2);
  p.pad_left = (int16_t)in(0, 2);
  void (*conv)(const int8_t*, int8_t*, int16_t*, const mcunet_conv_params*, int32_t, int32_t) =
      mcunet_conv;
  const int32_t taps = p.kernel_h * p.kernel_w * in_c;
  if (((in_c % 4 == 0 && !planar) || taps <= MCUNET_CONV_BOUNDED_TAPS) && in(0, 2) > 0) {
    conv = mcunet_conv_bounded;
    p.out_c = in(2, 6);
    p.out_pixel_stride = p.out_c;
    p.constants = constants;
    if (in(0, 1)) p.out_zero = -128;
    block_constants(taps, p.out_c);
  }
  conv(in1, out, scratch, &p, 0, first);
  conv(in1, out + first * p.out_w * p.out_c, scratch, &p, first, second);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.out_c));
}

static void run_conv_1x1(void) {
  mcunet_conv_1x1_any_params p = {weights,  bias,   multiplier, shift, in(1, 9), in(1, CHANNELS),
                                  in(2, 9), byte(), -120,       115,   0};
  const int32_t kind = in(0, 5);
  if (in(0, 1)) p.out_zero = -128;
  if (kind > 2) {
    const mcunet_conv_1x1_params q = {constants,  p.pixels,  p.in_c,    p.out_c,
                                      p.out_zero, p.act_min, p.act_max, 0};
    block_constants(p.in_c, p.out_c);
    mcunet_conv_1x1(in1, out, scratch, &q);
  } else if (kind > 0) {
    const mcunet_conv_1x1_s4_params s4 = {p.weights, p.bias,  p.multiplier, p.shift,   p.pixels,
                                          p.in_c,    p.out_c, p.out_zero,   p.act_min, p.act_max,
                                          0};
    bounded_scales();
    mcunet_conv_1x1_s4(in1, out, scratch, &s4);
  } else {
    mcunet_conv_1x1_any(in1, out, scratch, &p);
  }
  add_to_hash(out, (size_t)(p.pixels * p.out_c));
}

static void run_depthwise(void) {
  const int32_t first = in(1, 5), second = in(0, 3);
  mcunet_depthwise_params p = {.weights = weights,
                               .bias = bias,
                               .multiplier = multiplier,
                               .shift = shift,
                               .in_h = in(1, 8),
                               .in_w = in(1, 8),
                               .in_c = in(1, 13),
                               .out_h = first + second,
                               .out_w = in(1, 5),
                               .kernel_w = 3,
                               .stride_h = 1,
                               .dilation_w = 1,
                               .pad_top = 1,
                               .pad_left = 1,
                               .act_min = -128,
                               .act_max = 127};
  p.in_zero = byte();
  p.out_zero = byte();
  p.depth_multiplier = (int16_t)(in(0, 2) == 0 ? 2 : 1);
  p.kernel_h = (int16_t)in(1, 5);
  p.stride_w = (int16_t)in(1, 2);
  p.dilation_h = (int16_t)in(1, 2);
  p.in_rows = ring_rows(p.in_h, p.kernel_h, p.dilation_h);
  p.in_row_stride = p.in_w * p.in_c + in(0, 3);
  const int32_t out_row = p.out_w * p.in_c * p.depth_multiplier;
  mcunet_depthwise(in1, out, NULL, &p, 0, first);
  mcunet_depthwise(in1, out + first * out_row, NULL, &p, first, second);
  add_to_hash(out, (size_t)(p.out_h * out_row));
}

/* Shifts that keep to the bound on sums: at most 49 * 255 * 128 and a bias. */
static void bounded_scales(void) {
  for (int i = 0; i < 256; ++i) {
    const int32_t most = (1 << 30) - 49 * 255 * 128 - 1;
    bias[i] = in(0, 9) == 0 ? (in(0, 1) ? most : -most) : in(-20000, 20000);
    shift[i] = (int8_t)(in(0, 4) == 0 ? in(-31, 0) : in(-12, -5));
    if (bias[i] < 20000 && bias[i] > -20000 && in(0, 9) == 0) shift[i] = (int8_t)in(1, 8);
  }
}

static void run_depthwise_square(void) {
  static void (*const square[])(const int8_t*, int8_t*, int16_t*, const mcunet_depthwise_params*,
                                int32_t, int32_t) = {
      mcunet_depthwise_3x3,    mcunet_depthwise_5x5,    mcunet_depthwise_7x7,
      mcunet_depthwise_3x3_s2, mcunet_depthwise_5x5_s2, mcunet_depthwise_7x7_s2,
      mcunet_depthwise_3x3_s2_single};
  const int32_t size = in(0, 2), stride = in(1, 2), first = in(1, 5), second = in(0, 3);
  const int32_t wide = in(0, 4) == 0, single = size == 0 && stride == 2 && in(0, 2) == 0;
  mcunet_depthwise_params p = {.weights = weights,
                               .bias = bias,
                               .multiplier = multiplier,
                               .shift = shift,
                               .in_h = in(1, 8),
                               .in_w = in(1, wide ? 60 : 14),
                               .in_c = single ? 1 : in(4, 13),
                               .out_h = first + second,
                               .out_w = in(1, wide ? 40 : 12),
                               .depth_multiplier = (int16_t)(single ? in(1, 13) : 1),
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .act_min = -128,
                               .act_max = 127};
  bounded_scales();
  p.kernel_h = p.kernel_w = (int16_t)(3 + 2 * size);
  p.stride_w = (int16_t)stride;
  p.stride_h = (int16_t)in(1, 2);
  p.pad_top = (int16_t)in(0, 3);
  p.pad_left = (int16_t)in(0, 3);
  p.in_zero = byte();
  p.out_zero = (int8_t)(in(0, 1) == 0 ? -128 : byte()); /* as after ReLU6 */
  if (in(0, 2) == 0) p.act_min = -100;
  p.in_rows = ring_rows(p.in_h, p.kernel_h, 1);
  p.in_row_stride = p.in_w * p.in_c + in(0, 3);
  const int32_t out_row = p.out_w * p.in_c * p.depth_multiplier;
  const int32_t which = single ? 6 : 3 * (stride - 1) + size;
  square[which](in1, out, scratch, &p, 0, first);
  square[which](in1, out + first * out_row, scratch, &p, first, second);
  add_to_hash(out, (size_t)(p.out_h * out_row));
}

static void run_fully_connected(void) {
  const mcunet_fully_connected_params p = {weights,  bias,      multiplier, shift,
                                           in(1, 3), in(1, 90), in(1, 20),  (int8_t)in(0, 1),
                                           byte(),   -128,      127};
  bounded_scales();
  (in(0, 1) ? mcunet_fully_connected_s4 : mcunet_fully_connected)(in1, out, scratch, &p);
  add_to_hash(out, (size_t)(p.rows * p.out_c));
}

static size_t size_of(const mcunet_broadcast* s) {
  size_t n = 1;
  for (int d = 0; d < MCUNET_MAX_BROADCAST_DIMS; ++d) n *= (size_t)s->dims[d];
  return n;
}

static void run_add(void) {
  mcunet_add_params p = {{{0}, {0}, {0}},
                         multiplier[0],
                         multiplier[1],
                         multiplier[2],
                         (int8_t)in(-8, 0),
                         (int8_t)in(-8, 0),
                         (int8_t)in(-22, -16),
                         (int8_t)in(0, 1),
                         byte(),
                         byte(),
                         byte(),
                         -128,
                         127,
                         {0}};
  const int32_t larger = in(0, 2);
  if (larger == 1) p.multiplier1 = 1 << 30, p.shift1 = 0;
  if (larger == 2) p.multiplier2 = 1 << 30, p.shift2 = 0;
  random_shape(&p.shape);
  mcunet_add(in1, in2, out, &p);
  add_to_hash(out, size_of(&p.shape));
}

static void run_mul(void) {
  mcunet_mul_params p = {{{0}, {0}, {0}}, multiplier[0], shift[0], byte(), byte(),
                         byte(),          -128,          127,      {0}};
  random_shape(&p.shape);
  mcunet_mul(in1, in2, out, &p);
  add_to_hash(out, size_of(&p.shape));
}

static void run_minmax(void) {
  mcunet_minmax_params p = {{{0}, {0}, {0}}, in(0, 1)};
  random_shape(&p.shape);
  mcunet_minmax(in1, in2, out, &p);
  add_to_hash(out, size_of(&p.shape));
}

static void run_pool(void (*pool)(const int8_t*, int8_t*, const mcunet_pool_params*, int32_t,
                                  int32_t)) {
  mcunet_pool_params p = {.in_h = in(1, 8),
                          .in_w = in(1, 8),
                          .channels = in(1, 9),
                          .filter_h = (int16_t)in(2, 5),
                          .filter_w = (int16_t)in(2, 5),
                          .stride_h = (int16_t)in(1, 3),
                          .stride_w = (int16_t)in(1, 3),
                          .pad_top = 1,
                          .pad_left = 1,
                          .act_min = -120,
                          .act_max = 120};
  p.out_h = p.in_h / p.stride_h + 1;
  p.out_w = p.in_w / p.stride_w + 1;
  p.in_rows = ring_rows(p.in_h, p.filter_h, 1);
  p.in_row_stride = p.in_w * p.channels + in(0, 3);
  const int32_t first = in(0, p.out_h);
  pool(in1, out, &p, 0, first);
  pool(in1, out + first * p.out_w * p.channels, &p, first, p.out_h - first);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.channels));
}

static void run_average_pool(void) { run_pool(mcunet_average_pool); }

static void run_max_pool(void) { run_pool(mcunet_max_pool); }

static void run_mean(void) {
  const int32_t c = in(1, 20), h = in(1, 6), w = in(1, 6);
  const mcunet_mean_params p = {{1, 1, 1, c},
                                {0, 0, 0, 1},
                                {0, 0, 0, 1},
                                {1, 1, h, w},
                                {0, 0, w * c, c},
                                h * w * byte(),
                                multiplier[0],
                                (int8_t)in(-8, 0),
                                byte(),
                                -128,
                                127};
  mcunet_mean(in1, out, &p);
  add_to_hash(out, (size_t)c);
}

static void run_mean_rows(void) {
  const int32_t h = in(1, 6), w = in(1, 6), c = in(1, 20);
  const mcunet_mean_rows_params p = {.width = w,
                                     .channels = c,
                                     .offset = h * w * byte(),
                                     .multiplier = multiplier[0],
                                     .last_row = h - 1,
                                     .shift = (int8_t)in(-8, 0),
                                     .out_zero = byte(),
                                     .act_min = -128,
                                     .act_max = 127};
  for (int32_t y = 0; y < h; ++y) mcunet_mean_rows(in1 + y * w * c, out, sums, &p, y);
  add_to_hash(out, (size_t)c);
}

static void run_softmax(void) {
  const mcunet_softmax_params p = {exps, in(1, 3), in(1, 1200)};
  int32_t value = INT32_MAX;
  const int32_t factor = in(0x60000000, INT32_MAX);
  for (int i = 0; i < 256; ++i) {
    exps[i] = value;
    value = (int32_t)(((int64_t)value * factor) >> 31);
  }
  mcunet_softmax(in1, out, &p);
  add_to_hash(out, (size_t)(p.rows * p.depth));
}

static void run_lut(void) {
  const int32_t n = in(1, 400);
  mcunet_lut(in1, out, weights, n);
  add_to_hash(out, (size_t)n);
}

static void run_fill(void) {
  const int32_t n = in(1, 400);
  mcunet_fill(out, byte(), n);
  add_to_hash(out, (size_t)n);
}

static void run_copy(void) {
  const int32_t a = in(1, 9), b = in(1, 9), c = in(1, 9);
  const mcunet_copy_params p = {
      {1, 1, 1, a, b, c}, {0, 0, 0, b * c, c, 1}, {0, 0, 0, b * c, in(0, 1) ? 1 : c, 1}};
  mcunet_copy_params q = p;
  if (p.out_strides[4] == 1) q.out_strides[5] = b;
  mcunet_copy(in1, out, &q);
  add_to_hash(out, (size_t)(a * b * c));
}

static void run_resize_nearest(void) {
  static uint16_t rows[8], cols[8];
  const mcunet_resize_nearest_params p = {.rows = rows,
                                          .cols = cols,
                                          .in_h = in(1, 5),
                                          .in_w = in(1, 5),
                                          .channels = in(1, 9),
                                          .out_h = 8,
                                          .out_w = 8,
                                          .in_rows = in(1, 5),
                                          .in_row_stride = 45};
  for (int i = 0; i < 8; ++i) {
    rows[i] = (uint16_t)in(0, p.in_h - 1);
    cols[i] = (uint16_t)in(0, p.in_w - 1);
  }
  mcunet_resize_nearest(in1, out, &p, 0, 3);
  mcunet_resize_nearest(in1, out + 3 * 8 * p.channels, &p, 3, 5);
  add_to_hash(out, (size_t)(64 * p.channels));
}

static mcunet_quantize_f32_params random_quantization(void) {
  const int32_t is_unsigned = in(0, 1);
  const mcunet_quantize_f32_params p = {(float)in(1, 1000) / 512.0f, in(0, 127), 512, is_unsigned};
  return p;
}

static void run_quantize_f32(void) {
  const mcunet_quantize_f32_params p = random_quantization();
  for (int i = 0; i < 512; ++i) {
    const uint32_t bits = in(0, 3) == 0 ? next() : 0; /* any float, infinities and NaN among them */
    floats[i] = (float)in(-30000, 30000) / 64.0f;
    if (bits != 0) memcpy(&floats[i], &bits, 4);
  }
  mcunet_quantize_f32(floats, out, &p);
  add_to_hash(out, 512);
}

static void run_dequantize_f32(void) {
  const mcunet_quantize_f32_params p = random_quantization();
  mcunet_dequantize_f32(in1, floats, &p);
  add_to_hash(floats, sizeof floats);
}

static const struct {
  const char* name;
  void (*run)(void);
} kernels[] = {{"conv ", run_conv},
               {"conv_1x1 ", run_conv_1x1},
               {"depthwise ", run_depthwise},
               {"depthwise_square ", run_depthwise_square},
               {"fully_connected ", run_fully_connected},
               {"add ", run_add},
               {"mul ", run_mul},
               {"minmax ", run_minmax},
               {"average_pool ", run_average_pool},
               {"max_pool ", run_max_pool},
               {"mean ", run_mean},
               {"mean_rows ", run_mean_rows},
               {"softmax ", run_softmax},
               {"lut ", run_lut},
               {"fill ", run_fill},
               {"copy ", run_copy},
               {"resize_nearest ", run_resize_nearest},
               {"quantize_f32 ", run_quantize_f32},
               {"dequantize_f32 ", run_dequantize_f32}};

int main(void) {
  for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; ++k) {
    begin();
    fill(weights, sizeof weights);
    for (int i = 0; i < CASES; ++i) {
      fill(in1, 8192);
      fill(in2, 1024);
      scales();
      kernels[k].run();
    }
    char line[10] = {0, 0, 0, 0, 0, 0, 0, 0, '\n', 0};
    for (int i = 0; i < 8; ++i) line[i] = "0123456789abcdef"[hash >> (28 - 4 * i) & 15u];
    print(kernels[k].name);
    print(line);
  }
  return 0;
}

#if defined(__arm__)
/* A bare core under QEMU: two vectors, the FPU switched on, output and exit by semihosting. */
extern uint32_t stack_top[];

static void semihost(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(const char* text) { semihost(4, text); /* SYS_WRITE0 */ }

static void stop(uint32_t reason) {
  for (;;) semihost(0x18, (const void*)reason); /* SYS_EXIT */
}

void reset(void);
void reset(void) {
  *(volatile uint32_t*)0xe000ed88u |= 0xfu << 20; /* CPACR */
  __asm__ volatile("dsb\n\tisb");
  (void)main();
  stop(0x20026); /* ADP_Stopped_ApplicationExit */
}

static void fault(void) {
  print("fault\n");
  stop(0x20023); /* ADP_Stopped_RunTimeErrorUnknown */
}

__attribute__((section(".vectors"), used)) static const struct {
  const void* stack;
  void (*handlers[6])(void);
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault}};
#else
#include <stdio.h>
static void print(const char* text) { fputs(text, stdout); }
#endif
