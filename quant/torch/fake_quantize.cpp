#include "quant/torch/fake_quantize.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "libmcunet/reference/arithmetic.h"

namespace mcunet::quant {
namespace {

// Elements that one task handles; sums are made per chunk and then over chunks, in order, so that
// they do not depend on who computed what.
constexpr int64_t kChunk = 1 << 15;

// Nearest integer of |x| < 2^22, halves to even: what is added pushes the fraction out of the
// mantissa. Compilers vectorise it for every x86-64, unlike nearbyint().
inline float to_nearest(float x) {
  constexpr float kPush = 12582912.0F;  // 1.5 * 2^23
  return (x + kPush) - kPush;
}

struct Levels {
  float scale, inverse, zero;
  float low, high;  // limits of the stored value
  // Whether a limit is int8's own (then it moves with scale and zero point) or the activation's.
  bool low_moves, high_moves;
};

Levels levels_of(const Quantization& q, Activation fused) {
  const reference::QuantizedRange range =
      reference::activation_range(fused, q.scale(), q.zero_point());
  return {q.scale(),
          1 / q.scale(),
          static_cast<float>(q.zero_point()),
          static_cast<float>(range.min),
          static_cast<float>(range.max),
          range.min == -128,
          range.max == 127};
}

// Dense in the same order as `like`, whatever order that is.
at::Tensor dense(const at::Tensor& value) {
  return value.is_non_overlapping_and_dense() ? value : value.contiguous();
}

void quantize(const Levels& l, const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) {
    const float level = std::min(std::max(x[i] * l.inverse + l.zero, l.low), l.high);
    y[i] = (to_nearest(level) - l.zero) * l.scale;
  }
}

struct Sums {
  float log_scale = 0, zero = 0;
};

Sums backward(const Levels& l, const float* x, const float* gradient, int64_t count, float* out) {
  constexpr int64_t kLanes = 16;  // sums side by side, so that the loop can be vectorised
  std::array<float, kLanes> log_scale{}, zero{};
  const float move_low = l.low_moves ? 1.0F : 0.0F, move_high = l.high_moves ? 1.0F : 0.0F;
  const auto one = [&](int64_t i, size_t lane) {
    const float g = gradient[i];
    const float exact = x[i] * l.inverse + l.zero;
    const float level = std::min(std::max(exact, l.low), l.high);
    const float below = exact < l.low ? 1.0F : 0.0F, above = exact > l.high ? 1.0F : 0.0F;
    const float inside = 1.0F - below - above;
    const float moves = below * move_low + above * move_high;
    out[i] = g * inside;
    // d value / d log scale = scale * (level - zero) - (inside: x)
    const float from_rounding = inside * (to_nearest(level) - exact);
    log_scale[lane] += g * (from_rounding + moves * (level - l.zero));
    zero[lane] += g * moves;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) one(i + lane, static_cast<size_t>(lane));
  }
  for (; i < count; ++i) one(i, 0);
  Sums sums;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    sums.log_scale += log_scale[lane] * l.scale;
    sums.zero -= zero[lane] * l.scale;
  }
  return sums;
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& value,
                            const at::Tensor& /*log_scale*/, const at::Tensor& /*zero_shift*/,
                            const LearnedEncoding& encoding, Activation fused) {
    const at::Tensor x = dense(value.detach());
    const Quantization now = encoding.present();
    const Levels levels = levels_of(now, fused);
    at::Tensor y = at::empty_like(x);
    const auto* in = x.data_ptr<float>();
    auto* out = y.data_ptr<float>();
    at::parallel_for(0, x.numel(), kChunk, [&](int64_t begin, int64_t end) {
      quantize(levels, in + begin, end - begin, out + begin);
    });
    context->save_for_backward({x});
    context->saved_data["scale"] = static_cast<double>(now.scale());
    context->saved_data["zero_point"] = static_cast<int64_t>(now.zero_point());
    context->saved_data["fused"] = static_cast<int64_t>(fused);
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const Quantization now{{static_cast<float>(context->saved_data["scale"].toDouble())},
                           {static_cast<int32_t>(context->saved_data["zero_point"].toInt())},
                           0};
    const Levels levels =
        levels_of(now, static_cast<Activation>(context->saved_data["fused"].toInt()));
    // In the order of x.
    at::Tensor g = at::empty_like(x);
    g.copy_(gradients[0]);
    const int64_t count = x.numel(), chunks = (count + kChunk - 1) / kChunk;
    std::vector<Sums> sums(static_cast<size_t>(chunks));
    const auto* in = x.data_ptr<float>();
    auto* out = g.data_ptr<float>();
    at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      for (int64_t c = first; c < last; ++c) {
        const int64_t begin = c * kChunk, size = std::min(kChunk, count - begin);
        sums[static_cast<size_t>(c)] =
            quant::backward(levels, in + begin, out + begin, size, out + begin);
      }
    });
    double log_scale = 0, zero = 0;
    for (const Sums& s : sums) {
      log_scale += static_cast<double>(s.log_scale);
      zero += static_cast<double>(s.zero);
    }
    return {g, at::full({1}, log_scale, at::kFloat), at::full({1}, zero, at::kFloat), {}, {}};
  }
};

}  // namespace

Quantization LearnedEncoding::present() const {
  const float scale = start.scale() * std::exp(*log_scale.data_ptr<float>());
  const float zero =
      std::nearbyint(static_cast<float>(start.zero_point()) + *zero_shift.data_ptr<float>());
  return {{scale}, {static_cast<int32_t>(std::clamp(zero, -128.0F, 127.0F))}, 0};
}

at::Tensor fake_quantize(const at::Tensor& value, const LearnedEncoding& encoding,
                         Activation fused) {
  return FakeQuantize::apply(value, encoding.log_scale, encoding.zero_shift, encoding, fused);
}

at::Tensor fake_quantize_weights(const at::Tensor& levels, const at::Tensor& scales,
                                 const at::Tensor& log_scale, int32_t limit) {
  const at::Tensor limited = levels.clamp(-limit, limit);
  const at::Tensor rounded = limited + (limited.detach().round() - limited.detach());
  std::vector<int64_t> by_channel(static_cast<size_t>(levels.dim()), 1);
  by_channel[0] = -1;
  return rounded * (scales * log_scale.exp()).reshape(by_channel);
}

}  // namespace mcunet::quant
