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
static int32_t bias[256], multiplier[256], exps[256];
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
    const int32_t n = in(1, 4), kind = in(0, 3);
    s->dims[d] = n;
    s->strides1[d] = kind == 0 ? 0 : size1;
    s->strides2[d] = kind == 1 ? 0 : size2;
    size1 *= kind == 0 ? 1 : n;
    size2 *= kind == 1 ? 1 : n;
  }
}

static void run_conv(void) {
  const int32_t in_c = in(1, 12), h = in(1, 8), w = in(1, 8), planar = in(0, 1);
  mcunet_conv_params p = {weights,  bias,     multiplier, shift, 1,  h, w, in_c,
                          in(1, 5), in(1, 5), in(1, 6),   0,     0,  0, 0, 0,
                          0,        3,        3,          1,     1,  1, 1, 1,
                          1,        byte(),   byte(),     -128,  127};
  p.in_channel_stride = planar ? h * w : 1;
  p.in_pixel_stride = planar ? 1 : in_c;
  p.in_row_stride = w * p.in_pixel_stride;
  p.out_pixel_stride = p.out_c;
  p.kernel_w = (int16_t)in(1, 5);
  p.stride_h = (int16_t)in(1, 3);
  p.dilation_w = (int16_t)in(1, 2);
  p.pad_left = (int16_t)in(0, 2);
  mcunet_conv(in1, out, scratch, &p);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.out_c));
}

static void run_conv_1x1(void) {
  const mcunet_conv_1x1_params p = {weights,  bias,   multiplier, shift, in(1, 9), in(1, CHANNELS),
                                    in(1, 9), byte(), -120,       115,   0};
  mcunet_conv_1x1(in1, out, scratch, &p);
  add_to_hash(out, (size_t)(p.pixels * p.out_c));
}

static void run_depthwise(void) {
  mcunet_depthwise_params p = {weights,  bias,      multiplier, shift,    1,   in(1, 8),
                               in(1, 8), in(1, 13), in(1, 5),   in(1, 5), 1,   3,
                               3,        1,         1,          1,        1,   1,
                               1,        byte(),    byte(),     -128,     127, 0};
  p.depth_multiplier = (int16_t)(in(0, 2) == 0 ? 2 : 1);
  p.kernel_h = (int16_t)in(1, 5);
  p.stride_w = (int16_t)in(1, 2);
  mcunet_depthwise(in1, out, NULL, &p);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.in_c * p.depth_multiplier));
}

static void run_fully_connected(void) {
  const mcunet_fully_connected_params p = {weights,  bias,      multiplier, shift,
                                           in(1, 3), in(1, 90), in(1, 20),  (int8_t)in(0, 1),
                                           byte(),   -128,      127};
  mcunet_fully_connected(in1, out, scratch, &p);
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

static mcunet_pool_params random_pool(void) {
  mcunet_pool_params p = {1,
                          in(1, 8),
                          in(1, 8),
                          in(1, 9),
                          0,
                          0,
                          (int16_t)in(2, 5),
                          (int16_t)in(2, 5),
                          (int16_t)in(1, 3),
                          (int16_t)in(1, 3),
                          1,
                          1,
                          -120,
                          120,
                          {0}};
  p.out_h = p.in_h / p.stride_h + 1;
  p.out_w = p.in_w / p.stride_w + 1;
  return p;
}

static void run_average_pool(void) {
  const mcunet_pool_params p = random_pool();
  mcunet_average_pool(in1, out, &p);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.channels));
}

static void run_max_pool(void) {
  const mcunet_pool_params p = random_pool();
  mcunet_max_pool(in1, out, &p);
  add_to_hash(out, (size_t)(p.out_h * p.out_w * p.channels));
}

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
  const mcunet_resize_nearest_params p = {rows, cols, 1, in(1, 5), in(1, 5), in(1, 9), 8, 8};
  for (int i = 0; i < 8; ++i) {
    rows[i] = (uint16_t)in(0, p.in_h - 1);
    cols[i] = (uint16_t)in(0, p.in_w - 1);
  }
  mcunet_resize_nearest(in1, out, &p);
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
               {"fully_connected ", run_fully_connected},
               {"add ", run_add},
               {"mul ", run_mul},
               {"minmax ", run_minmax},
               {"average_pool ", run_average_pool},
               {"max_pool ", run_max_pool},
               {"mean ", run_mean},
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
      fill(in1, 4096);
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
