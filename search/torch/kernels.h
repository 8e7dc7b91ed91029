// The inner loops of training on processors: images as [rows, columns, channels] floats, channels
// together, so that the loops vectorize whatever the kernel. Compiled for several instruction sets;
// the machine's best is taken at run time.
//
// Why not LibTorch's own: oneDNN's gradient of depthwise weights takes most of a step for kernels
// of 5 and 7, and batch norm over several processes needs its sums in between (TORCH.md's figures;
// docs/train.md has ours).
#pragma once

#include <cstdint>

namespace mcunet::search::kernels {

// A depthwise convolution of one image, padded by kernel / 2.
struct Depthwise {
  int64_t in_h, in_w, out_h, out_w, channels, kernel, stride;
};

// weights: [kernel, kernel, channels].
void depthwise(const Depthwise& d, const float* in, const float* weights, float* out);
// in_gradient is overwritten.
void depthwise_input_gradient(const Depthwise& d, const float* out_gradient, const float* weights,
                              float* in_gradient);
// weight_gradient is added to.
void depthwise_weight_gradient(const Depthwise& d, const float* in, const float* out_gradient,
                               float* weight_gradient);

// Of a matrix [rows, channels]. Sums by channel: of x and of x².
void channel_sums(int64_t rows, int64_t channels, const float* x, double* sum, double* square);
// y = clamp(x · scale + shift, low, high).
void scale_clamp(int64_t rows, int64_t channels, const float* x, const float* scale,
                 const float* shift, float low, float high, float* y);
// Of d = gradient where low < y < high, else 0: sums of d and of d · (x − mean), by channel.
void gradient_sums(int64_t rows, int64_t channels, const float* x, const float* y,
                   const float* gradient, const float* mean, float low, float high, double* sum,
                   double* product);
// in_gradient = d · a + x · b + c, by channel.
void combine_gradient(int64_t rows, int64_t channels, const float* x, const float* y,
                      const float* gradient, float low, float high, const float* a, const float* b,
                      const float* c, float* in_gradient);

}  // namespace mcunet::search::kernels
