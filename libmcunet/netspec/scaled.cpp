#include "libmcunet/netspec/scaled.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/support/error.h"

namespace mcunet::netspec {
namespace {

struct Block {
  int32_t kernel, expand, channels, stride;
};
using Blocks = std::vector<std::optional<Block>>;  // empty: the block was searched away

using Scale = int32_t (*)(int32_t channels, double width);

NetworkDescription network(const Blocks& blocks, Scale scaled, double width, int32_t resolution,
                           int32_t classes) {
  if (!(width >= 0.05 && width <= 4))
    throw Error(ErrorKind::Usage, "width " + std::to_string(width) + " is not from 0.05 to 4");
  NetworkDescription result;
  result.resolution = resolution;
  result.first_conv.in_channels = 3;
  result.first_conv.out_channels = scaled(32, width);
  result.first_conv.stride = 2;
  result.first_conv.activation = ActivationFunction::Relu6;
  int32_t channels = result.first_conv.out_channels;
  for (const std::optional<Block>& block : blocks) {
    MobileInvertedResidualBlock& added = result.blocks.emplace_back();
    added.shortcut = true;
    if (!block) continue;
    MBInvertedConvLayer& layer = added.mobile_inverted_conv.emplace();
    layer.in_channels = channels;
    layer.out_channels = scaled(block->channels, width);
    layer.kernel_size = block->kernel;
    layer.stride = block->stride;
    layer.expand_ratio = block->expand;
    // Where a stage begins the published networks have no shortcut, even if the extents agree.
    const bool same_stage = result.blocks.size() > 1 && block->stride == 1 && [&] {
      for (size_t i = result.blocks.size() - 1; i-- > 0;) {
        if (blocks[i]) return blocks[i]->channels == block->channels;
      }
      return false;
    }();
    added.shortcut = same_stage;
    channels = layer.out_channels;
  }
  ConvLayer& mix = result.feature_mix_layer.emplace();
  mix.in_channels = channels;
  mix.out_channels = scaled(1280, width);
  mix.kernel_size = 1;
  mix.activation = ActivationFunction::Relu6;
  result.classifier.in_features = mix.out_channels;
  result.classifier.out_features = classes;
  return result;
}

Blocks stage(int32_t expand, int32_t channels, int32_t count, int32_t stride) {
  Blocks blocks;
  for (int32_t i = 0; i < count; ++i)
    blocks.emplace_back(Block{3, expand, channels, i == 0 ? stride : 1});
  return blocks;
}

}  // namespace

int32_t scaled_channels(int32_t channels, double width) {
  const double wanted = channels * width;
  const int32_t rounded = std::max(8, static_cast<int32_t>(wanted + 4) / 8 * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

int32_t scaled_up_channels(int32_t channels, double width) {
  return static_cast<int32_t>(std::ceil(channels * width / 8 - 1e-9)) * 8;
}

NetworkDescription mobilenet_v2(double width, int32_t resolution, int32_t classes) {
  Blocks blocks;
  for (const Blocks& part :
       {stage(1, 16, 1, 1), stage(6, 24, 2, 2), stage(6, 32, 3, 2), stage(6, 64, 4, 2),
        stage(6, 96, 3, 1), stage(6, 160, 3, 2), stage(6, 320, 1, 1)})
    blocks.insert(blocks.end(), part.begin(), part.end());
  return network(blocks, scaled_channels, width, resolution, classes);
}

NetworkDescription proxyless_mobile(double width, int32_t resolution, int32_t classes) {
  const Blocks blocks = {
      Block{3, 1, 16, 1},  Block{5, 3, 32, 2},  Block{3, 3, 32, 1},  std::nullopt,
      std::nullopt,        Block{7, 3, 40, 2},  Block{3, 3, 40, 1},  Block{5, 3, 40, 1},
      Block{5, 3, 40, 1},  Block{7, 6, 80, 2},  Block{5, 3, 80, 1},  Block{5, 3, 80, 1},
      Block{5, 3, 80, 1},  Block{5, 6, 96, 1},  Block{5, 3, 96, 1},  Block{5, 3, 96, 1},
      Block{5, 3, 96, 1},  Block{7, 6, 192, 2}, Block{7, 6, 192, 1}, Block{7, 3, 192, 1},
      Block{7, 3, 192, 1}, Block{7, 6, 320, 1}};
  return network(blocks, scaled_up_channels, width, resolution, classes);
}

}  // namespace mcunet::netspec
