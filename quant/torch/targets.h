// What a quantized network is compared with while it is tuned.
#pragma once

#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

struct Targets {
  // The graph's outputs, and what goes into SOFTMAX and LOGISTIC where such an operator makes one:
  // differences that it flattens still tell which weights are wrong.
  std::vector<TensorId> outputs;
  // Those of `outputs` that look like scores of classes: [1, at least 2], fewer values than the
  // network's inputs have, not probabilities yet.
  std::vector<TensorId> scores;
  // Tensors that everything behind them depends on, and on nothing else: ends of blocks in the
  // sense of BRECQ (Li et al., ICLR 2021, arXiv:2102.05426). In execution order, without outputs
  // and without tensors that are copies of other ones.
  std::vector<TensorId> block_ends;
};

Targets find_targets(const Graph& graph);

}  // namespace mcunet::quant
