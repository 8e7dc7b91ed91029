#include "search/torch/optimizer.h"

#include <cmath>

namespace mcunet::search {
namespace {
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
}

Optimizer::Optimizer(const TrainOptions& options, const at::Tensor& decayed)
    : options_(options),
      decayed_(decayed),
      momentum_(at::zeros_like(decayed)),
      second_(options.optimizer == OptimizerKind::AdamW ? at::zeros_like(decayed)
                                                        : at::empty({0})) {}

void Optimizer::step(at::Tensor& values, const at::Tensor& gradient, double rate) {
  ++steps_;
  if (options_.optimizer == OptimizerKind::AdamW) {
    momentum_.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const auto steps = static_cast<double>(steps_);
    const double first_share = 1 - std::pow(kBeta1, steps);
    const double second_share = 1 - std::pow(kBeta2, steps);
    values.addcmul_(values, decayed_, -rate * options_.weight_decay);
    values.addcdiv_(momentum_, (second_ / second_share).sqrt_().add_(kEpsilon),
                    -rate / first_share);
    return;
  }
  const at::Tensor slope = gradient + values * decayed_ * options_.weight_decay;
  momentum_.mul_(options_.momentum).add_(slope);
  values.add_(slope.add_(momentum_, options_.momentum), -rate);
}

Parameters Optimizer::state() const {
  Parameters state = {{"momentum", momentum_}};
  if (options_.optimizer == OptimizerKind::AdamW) {
    state["second"] = second_;
    state["steps"] = at::full({1}, static_cast<double>(steps_));
  }
  return state;
}

void Optimizer::restore(const Parameters& state) {
  momentum_.copy_(state.at("momentum"));
  if (options_.optimizer != OptimizerKind::AdamW) return;
  second_.copy_(state.at("second"));
  steps_ = static_cast<int64_t>(state.at("steps").item<float>());
}

double rate_share(const TrainOptions& options, double progress) {
  if (progress < options.warm_up) return progress / options.warm_up;
  const double rest = (progress - options.warm_up) / (1 - options.warm_up);
  return 0.5 * (1 + std::cos(M_PI * std::min(1.0, rest)));
}

}  // namespace mcunet::search
