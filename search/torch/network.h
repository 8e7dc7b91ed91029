// A network description as LibTorch computes and trains it.
#pragma once

#include <map>
#include <string>

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/netspec/description.h"
#include "search/torch/layers.h"

namespace mcunet::search {

// By the names of MCUNet's checkpoints (libmcunet/netspec/trained.h), in PyTorch's layout.
using Parameters = std::map<std::string, at::Tensor>;

// Whether it is learned, and not a running mean or variance.
bool is_learned(const std::string& name);

// Random weights: normal with variance 2 / fan-out (He et al., arXiv:1502.01852); batch norm 1 and
// 0, but the last one of a block with a shortcut begins at 0 (Goyal et al., arXiv:1706.02677).
Parameters initial_parameters(const netspec::NetworkDescription& network, uint64_t seed);

checkpoint::StateDict to_state_dict(const Parameters& parameters);
Parameters from_state_dict(const checkpoint::StateDict& tensors);

// Where a network's layers take their parameters from: its own, or a part of a supernet's.
class LayerSource {
 public:
  virtual ~LayerSource() = default;
  // The name of the description's block with this index: "blocks.3".
  virtual std::string block(size_t index) const { return "blocks." + std::to_string(index); }
  // NAME.weight, of a convolution [out, in / groups, kernel, kernel] or a linear layer [out, in].
  virtual at::Tensor weight(const std::string& name, const std::vector<int64_t>& shape) = 0;
  virtual at::Tensor bias(const std::string& name, int64_t channels) = 0;
  // Batch norm NAME and the activation after it.
  virtual at::Tensor normalize(const at::Tensor& x, const std::string& name,
                               netspec::ActivationFunction activation) = 0;
  // A sum or mean of activations, before it is used.
  virtual at::Tensor combined(const at::Tensor& x) { return x; }
};

// Scores [images, classes] of images [images, rows, columns, channels].
at::Tensor run_network(const netspec::NetworkDescription& network, const at::Tensor& images,
                       LayerSource& layers);

enum class NormMode {
  Batch,    // the batch's moments
  Running,  // the batch's, and the running ones follow
  Fixed,    // the running ones
};

// A network with parameters of its own. With `quantized`, weights and activations are rounded as
// int8 inference rounds them, with gradients as if they were not (Jacob et al., "Quantization and
// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018,
// arXiv:1712.05877): weights per output channel, which batch norm's factors do not change;
// activations to the range of their activation function, or else to that of the batch.
class OwnLayers : public LayerSource {
 public:
  OwnLayers(const netspec::BatchNorm& bn, Parameters& parameters, Communicator& workers,
            NormMode mode, bool quantized = false)
      : bn_(bn), parameters_(parameters), workers_(workers), mode_(mode), quantized_(quantized) {}

  at::Tensor weight(const std::string& name, const std::vector<int64_t>& shape) override;
  at::Tensor bias(const std::string& name, int64_t channels) override;
  at::Tensor normalize(const at::Tensor& x, const std::string& name,
                       netspec::ActivationFunction activation) override;
  at::Tensor combined(const at::Tensor& x) override;

 private:
  const netspec::BatchNorm& bn_;
  Parameters& parameters_;
  Communicator& workers_;
  NormMode mode_;
  bool quantized_;
};

// Mean over the batch of all workers of the cross entropy with smoothed labels (Szegedy et al.,
// arXiv:1512.00567), as this worker's share of it: the shares' sum is the loss. `targets` are
// probabilities [images, classes]; `batch` counts the images of all workers.
at::Tensor cross_entropy(const at::Tensor& scores, const at::Tensor& targets, int64_t batch);
at::Tensor smoothed_labels(const std::vector<int>& labels, int64_t classes, double smoothing);

}  // namespace mcunet::search
