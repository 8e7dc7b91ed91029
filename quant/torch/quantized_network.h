// A float graph with everything in it rounded as int8 inference rounds, and with parameters that
// can be learned.
#pragma once

#include <map>
#include <vector>

#include "quant/encodings.h"
#include "quant/ranges.h"
#include "quant/torch/executor.h"
#include "quant/torch/fake_quantize.h"

namespace mcunet::quant {

// A tensor to be learned and how fast: the largest step that Adam takes.
struct Learned {
  at::Tensor value;
  double rate;
};

class QuantizedNetwork {
 public:
  // Begins at `encodings`, the weights themselves unrounded: their distance to the next level is
  // where learning starts. With `at_levels` they are those of the encodings.
  QuantizedNetwork(const Graph& graph, const Encodings& encodings, const ScaleGroups& groups,
                   bool at_levels = false);

  std::vector<at::Tensor> run(const Executor& executor, const std::vector<at::Tensor>& inputs,
                              const std::vector<TensorId>& wanted) const;

  // In the same order for a network and its replicas.
  std::vector<Learned> parameters() const;
  // A network whose parameters share their values with this one's and have gradients of their own,
  // so that another thread can work with it.
  QuantizedNetwork replica() const;
  // Takes parameters back into their limits after a step that left them.
  void limit_parameters();
  // The encodings as learned so far.
  Encodings encodings() const;

 private:
  struct Layer {
    at::Tensor levels, scales, log_scale;
    at::Tensor bias, bias_shift;  // the shift in levels of the layer's output
    float output_scale;
    int32_t limit;
    bool int4;
  };

  const Graph& graph_;
  const Encodings& start_;
  const ScaleGroups& groups_;
  std::map<size_t, Layer> layers_;
  std::vector<LearnedEncoding> ranges_;  // by group
};

}  // namespace mcunet::quant
