#include "quant/torch/reconstruct.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "quant/torch/augment.h"
#include "quant/torch/operators.h"
#include "quant/torch/optimizer.h"
#include "quant/torch/targets.h"

namespace mcunet::quant {
namespace {

// Weights of 4 bits have further to go.
constexpr int64_t kDefaultIterations = 400, kDefaultIterationsInt4 = 800;
// Samples of a step, and the parts that they are split into: each part is the work of one thread,
// and gradients are added in the order of the parts, so that the result does not depend on how many
// threads there are. (Parts side by side also use two cores far better than LibTorch's own threads
// within operators do.)
constexpr size_t kBatch = 16, kParts = 4;
constexpr double kDivergence = 0.1;  // weight beside the relative error
// Below this share of a tensor's energy a difference is float noise.
constexpr double kLeastEnergy = 1e-12;

// Every sample once in random order, then again in another.
class Order {
 public:
  explicit Order(size_t count) : order_(count), next_(count) {
    std::iota(order_.begin(), order_.end(), size_t{0});
  }

  size_t next(SplitMix64& random) {
    if (next_ == order_.size()) {
      for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
      next_ = 0;
    }
    return order_[next_++];
  }

 private:
  std::vector<size_t> order_;
  size_t next_;
};

// Energy of the difference over that of `reference`, without what all samples and positions of a
// channel have in common if `centered`.
at::Tensor relative_error(const at::Tensor& value, const at::Tensor& reference, bool centered) {
  at::Tensor energy_of = reference;
  if (centered) {
    energy_of = reference.dim() == 4 ? reference - reference.mean({0, 2, 3}, true)
                                     : reference - reference.mean();
  }
  return (value - reference).square().sum() /
         (energy_of.square().sum() + kLeastEnergy * static_cast<double>(reference.numel()));
}

// Kullback-Leibler divergence of the classes' shares, in nats, averaged over samples.
at::Tensor divergence(const at::Tensor& scores, const at::Tensor& reference) {
  const at::Tensor wanted = at::log_softmax(reference, 1);
  return (wanted.exp() * (wanted - at::log_softmax(scores, 1))).sum(1).mean();
}

class Reconstruction {
 public:
  Reconstruction(const ReconstructInput& input, const ReconstructOptions& options)
      : input_(input),
        threads_(options.threads),
        executor_(input.graph),
        network_(input.graph, input.encodings, input.groups),
        adam_(network_.parameters()),
        targets_(find_targets(input.graph)),
        augment_(input.graph, input.calibration),
        order_(input.calibration.samples.size()),
        random_(options.seed) {
    for (size_t part = 0; part < kParts; ++part) replicas_.push_back(network_.replica());
    wanted_ = targets_.outputs;
    wanted_.insert(wanted_.end(), targets_.block_ends.begin(), targets_.block_ends.end());
  }

  // `share` of the learning rates.
  void step(double share) {
    std::vector<Draw> draws;
    for (size_t i = 0; i < kBatch; ++i) draws.push_back({order_.next(random_), random_.next()});
    std::vector<std::vector<at::Tensor>> gradients(kParts);
    parallel_for(kParts, threads_, [&](size_t part) {
      const auto begin = draws.begin() + static_cast<std::ptrdiff_t>(part * kBatch / kParts);
      const auto end = draws.begin() + static_cast<std::ptrdiff_t>((part + 1) * kBatch / kParts);
      gradients[part] = learn(replicas_[part], {begin, end});
    });
    std::vector<at::Tensor>& sum = gradients[0];
    for (size_t part = 1; part < kParts; ++part) {
      for (size_t i = 0; i < sum.size(); ++i) {
        if (sum[i].defined()) sum[i] += gradients[part][i];
      }
    }
    adam_.step(sum, share);
    network_.limit_parameters();
  }

  Encodings result() const { return network_.encodings(); }

 private:
  struct Draw {
    size_t sample;
    uint64_t seed;
  };

  // Gradients of a part's loss.
  std::vector<at::Tensor> learn(const QuantizedNetwork& network,
                                const std::vector<Draw>& draws) const {
    at::set_num_threads(1);  // of this thread
    if (executor_.batchable()) {
      add_gradients(network, draws);
    } else {
      for (const Draw& draw : draws) add_gradients(network, {draw});
    }
    std::vector<at::Tensor> gradients;
    for (const Learned& parameter : network.parameters()) {
      at::Tensor value = parameter.value;
      gradients.push_back(value.grad());
      value.mutable_grad() = at::Tensor();
    }
    return gradients;
  }

  void add_gradients(const QuantizedNetwork& network, const std::vector<Draw>& draws) const {
    std::vector<std::vector<std::vector<float>>> samples;  // by sample and input
    for (const Draw& draw : draws) {
      SplitMix64 random(draw.seed);
      samples.push_back(augment_(input_.calibration.samples[draw.sample], random));
    }
    std::vector<at::Tensor> inputs;
    for (size_t k = 0; k < input_.graph.inputs.size(); ++k) {
      std::vector<const float*> buffers;
      for (const auto& sample : samples) buffers.push_back(sample[k].data());
      inputs.push_back(to_batch(buffers, input_.graph.tensor(input_.graph.inputs[k]).shape));
    }
    std::vector<at::Tensor> references;
    {
      const at::NoGradGuard no_gradients;
      references = executor_.run(inputs, {}, wanted_);
    }
    loss(network.run(executor_, inputs, wanted_), references).backward();
  }

  // Error over energy, averaged over the outputs and over the block ends; and how far the shares of
  // the classes differ, where there are classes: what decides is which score is largest.
  at::Tensor loss(const std::vector<at::Tensor>& values,
                  const std::vector<at::Tensor>& references) const {
    const size_t outputs = targets_.outputs.size();
    at::Tensor of_outputs = at::zeros({}), of_blocks = at::zeros({});
    for (size_t i = 0; i < values.size(); ++i) {
      at::Tensor& sum = i < outputs ? of_outputs : of_blocks;
      sum = sum + relative_error(values[i], references[i], i >= outputs);
      if (std::count(targets_.scores.begin(), targets_.scores.end(), wanted_[i]) > 0)
        of_outputs = of_outputs + kDivergence * divergence(values[i], references[i]);
    }
    at::Tensor total = of_outputs / static_cast<double>(outputs);
    if (values.size() > outputs)
      total = total + of_blocks / static_cast<double>(values.size() - outputs);
    return total;
  }

  const ReconstructInput& input_;
  int threads_;
  Executor executor_;
  QuantizedNetwork network_;
  std::vector<QuantizedNetwork> replicas_;
  Adam adam_;
  Targets targets_;
  Augmenter augment_;
  Order order_;
  SplitMix64 random_;
  std::vector<TensorId> wanted_;
};

int64_t default_iterations(const Encodings& encodings) {
  const bool int4 =
      std::any_of(encodings.layers.begin(), encodings.layers.end(),
                  [](const auto& layer) { return layer.second.dtype == DType::Int4; });
  return int4 ? kDefaultIterationsInt4 : kDefaultIterations;
}

// c10::Error carries a backtrace that helps nobody.
template <typename Function>
auto with_errors_named(Function function) {
  try {
    return function();
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::Internal, std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

}  // namespace

Encodings reconstruct_with_torch(const ReconstructInput& input, const ReconstructOptions& options,
                                 const ProgressHook& progress) {
  if (input.encodings.layers.empty()) return input.encodings;
  return with_errors_named([&] {
    const int64_t iterations =
        options.iterations > 0 ? options.iterations : default_iterations(input.encodings);
    Reconstruction reconstruction(input, options);
    if (progress) progress("reconstructing", 0, iterations);
    for (int64_t i = 0; i < iterations; ++i) {
      constexpr double kPi = 3.14159265358979323846;
      const double done = static_cast<double>(i) / static_cast<double>(iterations);
      reconstruction.step((1 + std::cos(kPi * done)) / 2);
      if (progress) progress("reconstructing", i + 1, iterations);
    }
    return reconstruction.result();
  });
}

std::vector<std::vector<float>> simulate(const Graph& graph, const Encodings& encodings,
                                         const Calibration::Sample& sample) {
  return with_errors_named([&] {
    const at::NoGradGuard no_gradients;
    const Executor executor(graph);
    const ScaleGroups groups = scale_groups(graph);
    const QuantizedNetwork network(graph, encodings, groups, true);
    std::vector<at::Tensor> inputs;
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      inputs.push_back(to_batch({reinterpret_cast<const float*>(sample.at(i).data())},
                                graph.tensor(graph.inputs[i]).shape));
    }
    std::vector<std::vector<float>> outputs;
    for (const at::Tensor& value : network.run(executor, inputs, graph.outputs)) {
      const at::Tensor dense = to_graph_order(value).contiguous();
      outputs.emplace_back(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
    }
    return outputs;
  });
}

}  // namespace mcunet::quant
