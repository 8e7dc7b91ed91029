// The search space of TinyNAS: MobileNetV2-like networks whose kernels, expansions and depths vary
// block by block, in sub-spaces of one width and one resolution each. Lin et al., "MCUNet: Tiny
// Deep Learning on IoT Devices" (arXiv 2007.10319), section 3.1; the blocks are those of
// ProxylessNAS and Once-for-All (arXiv 1812.00332, 1908.09791).
//
//   image → stem → first block (expansion 1) → stages of inverted residuals → mean → classifier
//
// Spaces are data: configs/spaces/*.json, or a file of the same form (docs/search.md).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libmcunet/netspec/description.h"
#include "libmcunet/support/random.h"

namespace mcunet::search {

struct Stage {
  int32_t channels = 0;         // of its output, at width 1
  int32_t stride = 1;           // of its first block
  std::vector<int32_t> depths;  // numbers of blocks to choose from, ascending
};

struct Space {
  std::string name;
  int32_t in_channels = 3, classes = 1000;
  std::vector<double> widths;        // channels are multiplied by one of these, then rounded to 8
  std::vector<int32_t> resolutions;  // rows and columns of the image
  // Rows that are left before the mean, at least: for smaller images strides are left out, from the
  // stem on.
  double smallest_map = 1;
  netspec::ActivationFunction activation = netspec::ActivationFunction::Relu6;
  int32_t stem_channels = 32, stem_stride = 2, first_channels = 16;
  std::vector<int32_t> kernels;
  std::vector<double> expansions;
  std::vector<bool> squeeze_excite;
  std::vector<Stage> stages;

  size_t blocks() const;  // of the deepest network, without the first block
};

// One network of a space: choices by index, also for blocks that its depths leave out, so that they
// can come back. Sub-space: the width and the resolution.
struct Genome {
  size_t width = 0, resolution = 0;
  std::vector<size_t> depths;  // by stage
  struct Block {
    size_t kernel = 0, expansion = 0, squeeze_excite = 0;
  };
  std::vector<Block> blocks;  // stage by stage, as many as the deepest choice has
};

// A built-in space by name ("mcunet", "small", "tiny"), or the path of a file (ends in ".json").
// Throws Error(Usage) with every problem found.
Space find_space(const std::string& name);
Space space_from_json(const nlohmann::json& document, const std::string& place);

// Every choice uniform and independent.
Genome sample(const Space& space, SplitMix64& random);
// The same, within a sub-space.
Genome sample(const Space& space, size_t width, size_t resolution, SplitMix64& random);
// The most, or the least, of everything that there is to choose.
enum class Extreme { Smallest, Largest };
Genome extreme_genome(const Space& space, size_t width, size_t resolution, Extreme which);
// Each choice is drawn anew with `probability`; the sub-space stays.
Genome mutate(const Space& space, Genome genome, double probability, SplitMix64& random);
// Each choice is one parent's or the other's, with even odds; the sub-space is that of `a`.
Genome cross_over(const Genome& a, const Genome& b, SplitMix64& random);

// "w0.5-r176-2:3e4,5e6;3:…": depth of each stage and kernel, expansion, "s" for squeeze-and-excite
// of its blocks. Equal for genomes of equal networks.
std::string encode(const Space& space, const Genome& genome);
// The inverse; blocks that are left out get their first choices. Throws Error(Input) for text that
// is no network of the space.
Genome decode(const Space& space, const std::string& text);

// Sound, with a resolution.
netspec::NetworkDescription describe(const Space& space, const Genome& genome);

}  // namespace mcunet::search
