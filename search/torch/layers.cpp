#include "search/torch/layers.h"

#include <cmath>
#include <limits>

#include "search/torch/kernels.h"

namespace mcunet::search {
namespace {

using netspec::ActivationFunction;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Activations that are a clamp are computed with batch norm.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};
Clamp clamp_of(ActivationFunction activation) {
  if (activation == ActivationFunction::Relu) return {0, std::numeric_limits<float>::infinity()};
  if (activation == ActivationFunction::Relu6) return {0, 6};
  return {};
}
bool is_clamp(ActivationFunction activation) { return activation != ActivationFunction::HardSwish; }

kernels::Depthwise geometry(const at::Tensor& x, int64_t kernel, int64_t stride) {
  const auto out = [&](int64_t in) { return (in + 2 * (kernel / 2) - kernel) / stride + 1; };
  return {x.size(1), x.size(2), out(x.size(1)), out(x.size(2)), x.size(3), kernel, stride};
}

class DepthwiseFunction : public Function<DepthwiseFunction> {
 public:
  // weights [kernel, kernel, channels].
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weights, int64_t stride) {
    const at::Tensor in = x.contiguous();
    const kernels::Depthwise d = geometry(in, weights.size(0), stride);
    at::Tensor out = at::empty({in.size(0), d.out_h, d.out_w, d.channels}, in.options());
    const int64_t in_step = in.stride(0), out_step = out.stride(0);
    for (int64_t i = 0; i < in.size(0); ++i)
      kernels::depthwise(d, in.data_ptr<float>() + i * in_step, weights.data_ptr<float>(),
                         out.data_ptr<float>() + i * out_step);
    context->save_for_backward({in, weights});
    context->saved_data["stride"] = stride;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &in = saved[0], &weights = saved[1];
    const at::Tensor gradient = gradients[0].contiguous();
    const kernels::Depthwise d =
        geometry(in, weights.size(0), context->saved_data["stride"].toInt());
    at::Tensor in_gradient = at::empty_like(in);
    at::Tensor weight_gradient = at::zeros_like(weights);
    const int64_t in_step = in.stride(0), out_step = gradient.stride(0);
    for (int64_t i = 0; i < in.size(0); ++i) {
      const float* g = gradient.data_ptr<float>() + i * out_step;
      kernels::depthwise_input_gradient(d, g, weights.data_ptr<float>(),
                                        in_gradient.data_ptr<float>() + i * in_step);
      kernels::depthwise_weight_gradient(d, in.data_ptr<float>() + i * in_step, g,
                                         weight_gradient.data_ptr<float>());
    }
    return {in_gradient, weight_gradient, at::Tensor()};
  }
};

// Mean and variance of a matrix [rows, channels] that is spread over workers.
Moments moments_of(const at::Tensor& x, Communicator& workers) {
  const int64_t channels = x.size(-1), rows = x.numel() / channels;
  at::Tensor sums = at::empty({2 * channels + 1}, at::kDouble);
  auto* values = sums.data_ptr<double>();
  kernels::channel_sums(rows, channels, x.data_ptr<float>(), values, values + channels);
  values[2 * channels] = static_cast<double>(rows);
  workers.sum(values, sums.numel());
  const double count = values[2 * channels];
  const at::Tensor mean = sums.narrow(0, 0, channels) / count;
  const at::Tensor variance = sums.narrow(0, channels, channels) / count - mean * mean;
  return {mean.to(at::kFloat), variance.clamp_min(0).to(at::kFloat), static_cast<int64_t>(count)};
}

class BatchNormFunction : public Function<BatchNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& gamma, const at::Tensor& beta, double eps, double low,
                            double high, Communicator* workers, Moments* moments) {
    const at::Tensor x = input.contiguous();
    const int64_t channels = x.size(-1), rows = x.numel() / channels;
    const Moments found = moments_of(x, *workers);
    const at::Tensor inverse = (found.variance + eps).rsqrt();
    const at::Tensor scale = (gamma * inverse).contiguous();
    const at::Tensor shift = (beta - found.mean * scale).contiguous();
    at::Tensor y = at::empty_like(x);
    kernels::scale_clamp(rows, channels, x.data_ptr<float>(), scale.data_ptr<float>(),
                         shift.data_ptr<float>(), static_cast<float>(low), static_cast<float>(high),
                         y.data_ptr<float>());
    context->save_for_backward({x, y, found.mean, inverse, scale});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["count"] = found.count;
    context->saved_data["workers"] = static_cast<int64_t>(reinterpret_cast<intptr_t>(workers));
    if (moments != nullptr) *moments = found;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &y = saved[1], &mean = saved[2], &inverse = saved[3];
    const at::Tensor& scale = saved[4];
    const auto low = static_cast<float>(context->saved_data["low"].toDouble());
    const auto high = static_cast<float>(context->saved_data["high"].toDouble());
    const auto count = static_cast<double>(context->saved_data["count"].toInt());
    auto* workers = reinterpret_cast<Communicator*>(
        static_cast<intptr_t>(context->saved_data["workers"].toInt()));
    const at::Tensor gradient = gradients[0].contiguous();
    const int64_t channels = x.size(-1), rows = x.numel() / channels;

    at::Tensor sums = at::empty({2, channels}, at::kDouble);
    auto* values = sums.data_ptr<double>();
    kernels::gradient_sums(rows, channels, x.data_ptr<float>(), y.data_ptr<float>(),
                           gradient.data_ptr<float>(), mean.data_ptr<float>(), low, high, values,
                           values + channels);
    // Gradients of parameters are summed later, with all the others.
    const at::Tensor beta_gradient = sums[0].to(at::kFloat);
    const at::Tensor gamma_gradient = sums[1].to(at::kFloat) * inverse;
    sums = sums.clone();
    workers->sum(sums.data_ptr<double>(), sums.numel());
    // dx = scale · (d − Σd / n − (x − mean) · inverse² · Σ(d · (x − mean)) / n)
    const at::Tensor slope =
        (-(sums[1] / count) * inverse.to(at::kDouble).pow(2) * scale.to(at::kDouble))
            .to(at::kFloat)
            .contiguous();
    const at::Tensor offset =
        (-(sums[0] / count) * scale.to(at::kDouble)).to(at::kFloat) - slope * mean;
    at::Tensor in_gradient = at::empty_like(x);
    kernels::combine_gradient(rows, channels, x.data_ptr<float>(), y.data_ptr<float>(),
                              gradient.data_ptr<float>(), low, high, scale.data_ptr<float>(),
                              slope.data_ptr<float>(), offset.contiguous().data_ptr<float>(),
                              in_gradient.data_ptr<float>());
    return {in_gradient,  gamma_gradient, beta_gradient, at::Tensor(),
            at::Tensor(), at::Tensor(),   at::Tensor(),  at::Tensor()};
  }
};

}  // namespace

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weights) {
  const at::Tensor rows = x.reshape({-1, x.size(3)});
  return at::mm(rows, weights.t()).view({x.size(0), x.size(1), x.size(2), weights.size(0)});
}

at::Tensor depthwise(const at::Tensor& x, const at::Tensor& weights, int64_t stride) {
  if (!x.is_cpu()) return convolution(x, weights, stride, 1, weights.size(0));
  // [channels, 1, kernel, kernel] to [kernel, kernel, channels].
  return DepthwiseFunction::apply(x, weights.squeeze(1).permute({1, 2, 0}).contiguous(), stride);
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weights, int64_t stride,
                       int64_t dilation, int64_t groups) {
  const int64_t pad = weights.size(2) / 2 * dilation;
  const at::Tensor y =
      at::conv2d(x.permute({0, 3, 1, 2}), weights, {}, stride, pad, dilation, groups);
  return y.permute({0, 2, 3, 1}).contiguous();
}

at::Tensor activate(const at::Tensor& x, ActivationFunction activation) {
  switch (activation) {
    case ActivationFunction::Relu:
      return at::relu(x);
    case ActivationFunction::Relu6:
      return at::clamp(x, 0, 6);
    case ActivationFunction::HardSwish:
      return at::hardswish(x);
    case ActivationFunction::None:
      break;
  }
  return x;
}

at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                      double eps, ActivationFunction activation, Communicator& workers,
                      Moments* moments) {
  if (!x.is_cpu()) {  // moments of this process alone, as is usual on GPUs
    const auto [variance, mean] = at::var_mean(x, {0, 1, 2}, false);
    if (moments != nullptr) *moments = {mean.detach(), variance.detach(), x.numel() / x.size(3)};
    return activate((x - mean) * (variance + eps).rsqrt() * gamma + beta, activation);
  }
  const Clamp clamp = clamp_of(activation);
  const at::Tensor y = BatchNormFunction::apply(x, gamma, beta, eps, static_cast<double>(clamp.low),
                                                static_cast<double>(clamp.high), &workers, moments);
  return is_clamp(activation) ? y : activate(y, activation);
}

at::Tensor fixed_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                      double eps, ActivationFunction activation, const at::Tensor& mean,
                      const at::Tensor& variance) {
  if (!x.is_cpu())
    return activate((x - mean) * (variance + eps).rsqrt() * gamma + beta, activation);
  const at::Tensor in = x.contiguous();
  const int64_t channels = in.size(-1);
  const at::Tensor scale = (gamma * (variance + eps).rsqrt()).contiguous();
  const at::Tensor shift = (beta - mean * scale).contiguous();
  const Clamp clamp = clamp_of(activation);
  at::Tensor y = at::empty_like(in);
  kernels::scale_clamp(in.numel() / channels, channels, in.data_ptr<float>(),
                       scale.data_ptr<float>(), shift.data_ptr<float>(), clamp.low, clamp.high,
                       y.data_ptr<float>());
  return is_clamp(activation) ? y : activate(y, activation);
}

}  // namespace mcunet::search
