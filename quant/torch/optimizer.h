// Adam over tensors with rates of their own.
//
// Kingma, Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015, arXiv:1412.6980).
#pragma once

#include <cstdint>
#include <vector>

#include "quant/torch/quantized_network.h"

namespace mcunet::quant {

class Adam {
 public:
  explicit Adam(std::vector<Learned> parameters);

  // One step along `gradients`, one per parameter; an undefined tensor leaves its parameter alone.
  // Every rate is multiplied by `share`.
  void step(const std::vector<at::Tensor>& gradients, double share);

 private:
  struct State {
    Learned parameter;
    at::Tensor mean, square;
  };
  std::vector<State> states_;
  int64_t steps_ = 0;
};

}  // namespace mcunet::quant
