// The rounding of int8 inference in float arithmetic, with gradients as if it did not round.
//
// Method: straight-through gradients (Bengio, Léonard, Courville, arXiv:1308.3432), learned scales
// (Esser et al., "Learned Step Size Quantization", ICLR 2020, arXiv:1902.08153) and zero points
// (Bhalgat et al., "LSQ+", CVPRW 2020, arXiv:2004.09576).
#pragma once

#include "libmcunet/graph/op.h"
#include "libmcunet/graph/types.h"
#include "quant/torch/libtorch.h"

namespace mcunet::quant {

// The encoding of an activation with a logarithmic offset of its scale and an offset of its zero
// point, which may be learned: tensors of one element each.
struct LearnedEncoding {
  Quantization start;
  at::Tensor log_scale, zero_shift;

  // The encoding with the offsets at their present values.
  Quantization present() const;
};

// What int8 inference makes of `value`: round to the encoding's levels, limited to int8 and to the
// fused activation as the integer kernels do it. Gradients: of the value where it is inside the
// limits; of the offsets as the papers have them, none where the activation is what limits.
at::Tensor fake_quantize(const at::Tensor& value, const LearnedEncoding& encoding,
                         Activation fused);

// round(levels) limited to [-limit, limit], times exp(log_scale) * scales by output channel
// (dimension 0).
at::Tensor fake_quantize_weights(const at::Tensor& levels, const at::Tensor& scales,
                                 const at::Tensor& log_scale, int32_t limit);

}  // namespace mcunet::quant
