// Steps along gradients, over all parameters as one vector.
//
// SGD with Nesterov's momentum as Sutskever et al. put it (ICML 2013); AdamW: Loshchilov, Hutter,
// arXiv:1711.05101.
#pragma once

#include "search/torch/network.h"
#include "search/training.h"

namespace mcunet::search {

class Optimizer {
 public:
  // `decayed` [parameters]: 1 where weight decay applies, else 0.
  Optimizer(const TrainOptions& options, const at::Tensor& decayed);

  void step(at::Tensor& values, const at::Tensor& gradient, double rate);

  // "momentum", and of AdamW "second" and "steps".
  Parameters state() const;
  void restore(const Parameters& state);

 private:
  TrainOptions options_;
  at::Tensor decayed_, momentum_, second_;
  int64_t steps_ = 0;
};

// The rate's share of its highest at this point of training, 0 to 1.
double rate_share(const TrainOptions& options, double progress);

}  // namespace mcunet::search
