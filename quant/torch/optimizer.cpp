#include "quant/torch/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

namespace mcunet::quant {
namespace {

constexpr double kMeanDecay = 0.9, kSquareDecay = 0.99, kEpsilon = 1e-8;

}  // namespace

Adam::Adam(std::vector<Learned> parameters) {
  for (Learned& parameter : parameters) {
    const at::Tensor like = parameter.value.detach();
    states_.push_back({std::move(parameter), at::zeros_like(like), at::zeros_like(like)});
  }
}

void Adam::step(const std::vector<at::Tensor>& gradients, double share) {
  const at::NoGradGuard no_gradients;
  ++steps_;
  const double mean_bias = 1 - std::pow(kMeanDecay, static_cast<double>(steps_));
  const double square_bias = 1 - std::pow(kSquareDecay, static_cast<double>(steps_));
  for (size_t i = 0; i < states_.size(); ++i) {
    const at::Tensor& gradient = gradients.at(i);
    if (!gradient.defined()) continue;
    State& state = states_[i];
    state.mean.mul_(kMeanDecay).add_(gradient, 1 - kMeanDecay);
    state.square.mul_(kSquareDecay).addcmul_(gradient, gradient, 1 - kSquareDecay);
    const at::Tensor divisor = (state.square / square_bias).sqrt_().add_(kEpsilon);
    state.parameter.value.addcdiv_(state.mean, divisor, -state.parameter.rate * share / mean_bias);
  }
}

}  // namespace mcunet::quant
