// The layers of one network within a supernet: parts of shared weights.
#pragma once

#include "search/space.h"
#include "search/torch/network.h"

namespace mcunet::search {

// Where the supernet's largest network is, and how its parts lie in it.
struct SharedLayout {
  SharedLayout(const Space& space, size_t widest, size_t resolution);

  netspec::NetworkDescription largest;
  std::vector<size_t> first_block;  // by stage, index into the largest network's blocks
  std::vector<int32_t> kernels;     // descending
  // Random weights of the largest network, and identities for the kernels' matrices.
  Parameters initial(uint64_t seed) const;
  // Index in the largest network of each block of a part.
  std::vector<size_t> blocks_of(const Space& space, const Genome& genome) const;
};

// Moments of batch norms by layer, collected over calibration batches.
struct CollectedMoments {
  Parameters mean, variance;
  std::map<std::string, int64_t> batches;
};

class SharedLayers : public LayerSource {
 public:
  enum class Norm { Batch, Collect, Fixed };

  SharedLayers(const SharedLayout& layout, std::vector<size_t> blocks, Parameters& parameters,
               Communicator& workers, Norm norm, CollectedMoments* moments = nullptr)
      : layout_(layout),
        blocks_(std::move(blocks)),
        parameters_(parameters),
        workers_(workers),
        norm_(norm),
        moments_(moments) {}

  std::string block(size_t index) const override;
  at::Tensor weight(const std::string& name, const std::vector<int64_t>& shape) override;
  at::Tensor bias(const std::string& name, int64_t channels) override;
  at::Tensor normalize(const at::Tensor& x, const std::string& name,
                       netspec::ActivationFunction activation) override;

 private:
  at::Tensor kernel(const std::string& name, at::Tensor weights, int64_t size) const;

  const SharedLayout& layout_;
  std::vector<size_t> blocks_;
  Parameters& parameters_;
  Communicator& workers_;
  Norm norm_;
  CollectedMoments* moments_;
};

// Reorders the expanded channels of every block, the most important first, in all of `vectors`
// alike; importance is that of the first one's.
void sort_expanded_channels(const SharedLayout& layout, const std::vector<Parameters>& vectors);

}  // namespace mcunet::search
