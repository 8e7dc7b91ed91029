#include "search/torch/shared_layers.h"

#include <algorithm>

namespace mcunet::search {
namespace {

std::string matrix_name(const std::string& layer, int64_t from, int64_t to) {
  return layer + "." + std::to_string(from) + "to" + std::to_string(to) + "_matrix";
}

// The middle size × size of kernels [channels, 1, k, k], as [channels, size²].
at::Tensor middle(const at::Tensor& weights, int64_t size) {
  const int64_t margin = (weights.size(2) - size) / 2;
  return weights.narrow(2, margin, size).narrow(3, margin, size).flatten(1);
}

}  // namespace

SharedLayout::SharedLayout(const Space& space, size_t widest, size_t resolution)
    : largest(describe(space, extreme_genome(space, widest, resolution, Extreme::Largest))),
      kernels(space.kernels.rbegin(), space.kernels.rend()) {
  std::sort(kernels.rbegin(), kernels.rend());
  size_t block = 1;  // after the one without expansion
  for (const Stage& stage : space.stages) {
    first_block.push_back(block);
    block += static_cast<size_t>(stage.depths.back());
  }
}

Parameters SharedLayout::initial(uint64_t seed) const {
  Parameters all = initial_parameters(largest, seed);
  Parameters parameters;
  for (const auto& [name, value] : all) {
    if (is_learned(name)) parameters[name] = value;  // moments are each part's own
  }
  for (size_t i = first_block.front(); i < largest.blocks.size(); ++i) {
    const std::string layer =
        "blocks." + std::to_string(i) + ".mobile_inverted_conv.depth_conv.conv";
    for (size_t k = 1; k < kernels.size(); ++k)
      parameters[matrix_name(layer, kernels[k - 1], kernels[k])] =
          at::eye(int64_t{kernels[k]} * kernels[k]);
  }
  return parameters;
}

std::vector<size_t> SharedLayout::blocks_of(const Space& space, const Genome& genome) const {
  std::vector<size_t> blocks = {0};
  for (size_t s = 0; s < space.stages.size(); ++s) {
    const auto depth = static_cast<size_t>(space.stages[s].depths[genome.depths[s]]);
    for (size_t i = 0; i < depth; ++i) blocks.push_back(first_block[s] + i);
  }
  return blocks;
}

std::string SharedLayers::block(size_t index) const {
  return "blocks." + std::to_string(blocks_[index]);
}

at::Tensor SharedLayers::weight(const std::string& name, const std::vector<int64_t>& shape) {
  const at::Tensor& all = parameters_.at(name + ".weight");
  at::Tensor part = all.narrow(0, 0, shape[0]).narrow(1, 0, shape[1]);
  return shape.size() == 4 && shape[2] < all.size(2) ? kernel(name, part, shape[2]) : part;
}

at::Tensor SharedLayers::kernel(const std::string& name, at::Tensor weights, int64_t size) const {
  for (size_t k = 1; k < layout_.kernels.size() && weights.size(2) > size; ++k) {
    const int64_t from = layout_.kernels[k - 1], to = layout_.kernels[k];
    if (weights.size(2) != from) continue;
    weights = at::mm(middle(weights, to), parameters_.at(matrix_name(name, from, to)))
                  .view({weights.size(0), 1, to, to});
  }
  return weights;
}

at::Tensor SharedLayers::bias(const std::string& name, int64_t channels) {
  return parameters_.at(name + ".bias").narrow(0, 0, channels);
}

at::Tensor SharedLayers::normalize(const at::Tensor& x, const std::string& name,
                                   netspec::ActivationFunction activation) {
  const int64_t channels = x.size(3);
  const double eps = layout_.largest.bn.eps;
  const at::Tensor gamma = parameters_.at(name + ".weight").narrow(0, 0, channels);
  const at::Tensor beta = parameters_.at(name + ".bias").narrow(0, 0, channels);
  if (norm_ == Norm::Fixed) {
    return fixed_norm(x, gamma, beta, eps, activation, moments_->mean.at(name),
                      moments_->variance.at(name));
  }
  Moments found;
  const at::Tensor y = batch_norm(x, gamma, beta, eps, activation, workers_, &found);
  if (norm_ == Norm::Collect) {
    const auto count = static_cast<double>(++moments_->batches[name]);
    if (count == 1) {
      moments_->mean[name] = found.mean;
      moments_->variance[name] = found.variance;
    } else {
      moments_->mean[name].lerp_(found.mean, 1 / count);
      moments_->variance[name].lerp_(found.variance, 1 / count);
    }
  }
  return y;
}

void sort_expanded_channels(const SharedLayout& layout, const std::vector<Parameters>& vectors) {
  const at::NoGradGuard guard;
  for (size_t i = layout.first_block.front(); i < layout.largest.blocks.size(); ++i) {
    const std::string name = "blocks." + std::to_string(i) + ".mobile_inverted_conv.";
    const auto found = vectors.front().find(name + "point_linear.conv.weight");
    if (found == vectors.front().end() ||
        vectors.front().count(name + "inverted_bottleneck.conv.weight") == 0) {
      continue;
    }
    const at::Tensor order = found->second.abs().sum({0, 2, 3}).argsort(0, /*descending=*/true);
    for (const Parameters& parameters : vectors) {
      const auto reorder = [&](const std::string& suffix, int64_t dimension) {
        const auto entry = parameters.find(name + suffix);
        if (entry == parameters.end()) return;
        at::Tensor view = entry->second;
        view.copy_(view.index_select(dimension, order));
      };
      reorder("inverted_bottleneck.conv.weight", 0);
      for (const char* norm : {"inverted_bottleneck.bn", "depth_conv.bn"}) {
        for (const char* part : {".weight", ".bias"}) reorder(std::string(norm) + part, 0);
      }
      reorder("depth_conv.conv.weight", 0);
      reorder("depth_conv.se.fc.reduce.weight", 1);
      reorder("depth_conv.se.fc.expand.weight", 0);
      reorder("depth_conv.se.fc.expand.bias", 0);
      reorder("point_linear.conv.weight", 1);
    }
  }
}

}  // namespace mcunet::search
