// Differentiable layers on activations [images, rows, columns, channels].
#pragma once

#include "libmcunet/netspec/description.h"
#include "quant/torch/libtorch.h"
#include "search/torch/communicator.h"

namespace mcunet::search {

// x · weightsᵀ over channels; weights [out, in], which may be a part of a larger matrix.
at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weights);
// weights [channels, 1, kernel, kernel], padded by kernel / 2.
at::Tensor depthwise(const at::Tensor& x, const at::Tensor& weights, int64_t stride);
// Any other convolution; weights [out, in / groups, kernel, kernel].
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weights, int64_t stride,
                       int64_t dilation, int64_t groups);

// Mean and variance by channel, over images, rows, columns and all workers.
struct Moments {
  at::Tensor mean, variance;  // [channels]; the variance as batch norm divides by it
  int64_t count = 0;          // values that each stands for
};

// Batch norm with the batch's moments, then the activation. The gradient goes through the moments;
// their sums, and those of their gradients, are taken over all workers, so that two with half a
// batch each compute what one with the whole batch does (Ioffe, Szegedy, arXiv:1502.03167). On a
// GPU each process takes its own.
at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                      double eps, netspec::ActivationFunction activation, Communicator& workers,
                      Moments* moments);
// With given moments.
at::Tensor fixed_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                      double eps, netspec::ActivationFunction activation, const at::Tensor& mean,
                      const at::Tensor& variance);

at::Tensor activate(const at::Tensor& x, netspec::ActivationFunction activation);

}  // namespace mcunet::search
