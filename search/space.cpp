#include "search/space.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "libmcunet/netspec/scaled.h"
#include "libmcunet/support/error.h"

namespace mcunet::search {
namespace {

using netspec::NetworkDescription;

// How many of the strides fit an image, so that `smallest_map` rows are left.
int32_t halvings(const Space& space, int32_t resolution) {
  int32_t count = 0;
  while (resolution / std::pow(2.0, count + 1) >= space.smallest_map) ++count;
  return count;
}

// Gives out strides from the last to the first: the early ones are those that go.
struct Strides {
  int32_t stem;
  std::vector<int32_t> stages;
};
Strides strides(const Space& space, int32_t resolution) {
  int32_t left = halvings(space, resolution);
  const auto take = [&left](int32_t stride) {
    if (stride == 1 || left == 0) return 1;
    --left;
    return stride;
  };
  Strides result{1, std::vector<int32_t>(space.stages.size())};
  for (size_t i = space.stages.size(); i-- > 0;) result.stages[i] = take(space.stages[i].stride);
  result.stem = take(space.stem_stride);
  return result;
}

netspec::MobileInvertedResidualBlock block(const Space& space, int32_t in, int32_t out,
                                           int32_t stride, int32_t kernel, double expansion,
                                           bool squeeze_excite) {
  netspec::MBInvertedConvLayer layer;
  layer.in_channels = in;
  layer.out_channels = out;
  layer.kernel_size = kernel;
  layer.stride = stride;
  layer.expand_ratio = expansion;
  layer.activation = space.activation;
  layer.use_se = squeeze_excite;
  return {layer, stride == 1 && in == out && expansion != 1};
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

[[noreturn]] void foreign(const Space& space, const std::string& text) {
  throw Error(ErrorKind::Input, "'" + text + "' is no network of the space " + space.name);
}

// Index of `value` in the choices.
template <typename T>
size_t choice(const Space& space, const std::vector<T>& choices, T value, const std::string& text) {
  const auto found = std::find(choices.begin(), choices.end(), value);
  if (found == choices.end()) foreign(space, text);
  return static_cast<size_t>(found - choices.begin());
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

double real(const Space& space, const std::string& part, const std::string& text) {
  size_t end = 0;
  double value = 0;
  try {
    value = std::stod(part, &end);
  } catch (const std::exception&) {
    foreign(space, text);
  }
  if (end != part.size()) foreign(space, text);
  return value;
}

Genome::Block decode_block(const Space& space, const std::string& part, const std::string& text) {
  Genome::Block result;
  std::string rest = part;
  const bool squeeze = !rest.empty() && rest.back() == 's';
  if (squeeze) rest.pop_back();
  const size_t e = rest.find('e');
  if (e == std::string::npos) foreign(space, text);
  const auto kernel = static_cast<int32_t>(real(space, rest.substr(0, e), text));
  result.kernel = choice(space, space.kernels, kernel, text);
  result.expansion = choice(space, space.expansions, real(space, rest.substr(e + 1), text), text);
  result.squeeze_excite = choice(space, space.squeeze_excite, squeeze, text);
  return result;
}

}  // namespace

size_t Space::blocks() const {
  size_t count = 0;
  for (const Stage& stage : stages) count += static_cast<size_t>(stage.depths.back());
  return count;
}

Genome sample(const Space& space, size_t width, size_t resolution, SplitMix64& random) {
  Genome genome;
  genome.width = width;
  genome.resolution = resolution;
  for (const Stage& stage : space.stages)
    genome.depths.push_back(random.below(stage.depths.size()));
  for (size_t i = 0; i < space.blocks(); ++i) {
    const size_t kernel = random.below(space.kernels.size());
    const size_t expansion = random.below(space.expansions.size());
    genome.blocks.push_back({kernel, expansion, random.below(space.squeeze_excite.size())});
  }
  return genome;
}

Genome sample(const Space& space, SplitMix64& random) {
  const size_t width = random.below(space.widths.size());
  const size_t resolution = random.below(space.resolutions.size());
  return sample(space, width, resolution, random);
}

Genome extreme_genome(const Space& space, size_t width, size_t resolution, Extreme which) {
  const auto of = [which](const auto& choices) {
    const auto found = which == Extreme::Largest ? std::max_element(choices.begin(), choices.end())
                                                 : std::min_element(choices.begin(), choices.end());
    return static_cast<size_t>(found - choices.begin());
  };
  Genome genome;
  genome.width = width;
  genome.resolution = resolution;
  for (const Stage& stage : space.stages) genome.depths.push_back(of(stage.depths));
  genome.blocks.assign(space.blocks(),
                       {of(space.kernels), of(space.expansions), of(space.squeeze_excite)});
  return genome;
}

Genome mutate(const Space& space, Genome genome, double probability, SplitMix64& random) {
  const auto draw = [&](size_t& gene, size_t choices) {
    if (random.chance(probability)) gene = random.below(choices);
  };
  for (size_t i = 0; i < genome.depths.size(); ++i)
    draw(genome.depths[i], space.stages[i].depths.size());
  for (Genome::Block& block : genome.blocks) {
    draw(block.kernel, space.kernels.size());
    draw(block.expansion, space.expansions.size());
    draw(block.squeeze_excite, space.squeeze_excite.size());
  }
  return genome;
}

Genome cross_over(const Genome& a, const Genome& b, SplitMix64& random) {
  Genome child = a;
  const auto draw = [&](size_t& gene, size_t other) {
    if (random.chance(0.5)) gene = other;
  };
  for (size_t i = 0; i < child.depths.size(); ++i) draw(child.depths[i], b.depths[i]);
  for (size_t i = 0; i < child.blocks.size(); ++i) {
    draw(child.blocks[i].kernel, b.blocks[i].kernel);
    draw(child.blocks[i].expansion, b.blocks[i].expansion);
    draw(child.blocks[i].squeeze_excite, b.blocks[i].squeeze_excite);
  }
  return child;
}

std::string encode(const Space& space, const Genome& genome) {
  std::string text = "w" + number(space.widths[genome.width]) + "-r" +
                     std::to_string(space.resolutions[genome.resolution]);
  size_t first = 0;
  for (size_t s = 0; s < space.stages.size(); ++s) {
    const int32_t depth = space.stages[s].depths[genome.depths[s]];
    text += (s == 0 ? "-" : ";") + std::to_string(depth) + ":";
    for (size_t i = 0; i < static_cast<size_t>(depth); ++i) {
      const Genome::Block& block = genome.blocks[first + i];
      text += (i == 0 ? "" : ",") + std::to_string(space.kernels[block.kernel]) + "e" +
              number(space.expansions[block.expansion]);
      if (space.squeeze_excite[block.squeeze_excite]) text += "s";
    }
    first += static_cast<size_t>(space.stages[s].depths.back());
  }
  return text;
}

Genome decode(const Space& space, const std::string& text) {
  const std::vector<std::string> parts = split(text, '-');
  if (parts.size() != 3 || parts[0].empty() || parts[0][0] != 'w' || parts[1].empty() ||
      parts[1][0] != 'r') {
    foreign(space, text);
  }
  Genome genome;
  genome.width = choice(space, space.widths, real(space, parts[0].substr(1), text), text);
  const auto resolution = static_cast<int32_t>(real(space, parts[1].substr(1), text));
  genome.resolution = choice(space, space.resolutions, resolution, text);
  const std::vector<std::string> stages = split(parts[2], ';');
  if (stages.size() != space.stages.size()) foreign(space, text);
  genome.blocks.resize(space.blocks());
  size_t first = 0;
  for (size_t s = 0; s < stages.size(); ++s) {
    const size_t colon = stages[s].find(':');
    if (colon == std::string::npos) foreign(space, text);
    const auto depth = static_cast<int32_t>(real(space, stages[s].substr(0, colon), text));
    genome.depths.push_back(choice(space, space.stages[s].depths, depth, text));
    const std::vector<std::string> blocks = split(stages[s].substr(colon + 1), ',');
    if (blocks.size() != static_cast<size_t>(depth)) foreign(space, text);
    for (size_t i = 0; i < blocks.size(); ++i)
      genome.blocks[first + i] = decode_block(space, blocks[i], text);
    first += static_cast<size_t>(space.stages[s].depths.back());
  }
  return genome;
}

NetworkDescription describe(const Space& space, const Genome& genome) {
  const double width = space.widths[genome.width];
  const int32_t resolution = space.resolutions[genome.resolution];
  const Strides stride = strides(space, resolution);
  NetworkDescription network;
  network.bn = {0.1, 1e-5, {}};
  network.resolution = resolution;
  network.first_conv.in_channels = space.in_channels;
  network.first_conv.out_channels = netspec::scaled_channels(space.stem_channels, width);
  network.first_conv.stride = stride.stem;
  network.first_conv.activation = space.activation;
  int32_t channels = netspec::scaled_channels(space.first_channels, width);
  network.blocks.push_back(block(space, network.first_conv.out_channels, channels, 1, 3, 1, false));
  size_t first = 0;
  for (size_t s = 0; s < space.stages.size(); ++s) {
    const Stage& stage = space.stages[s];
    const int32_t out = netspec::scaled_channels(stage.channels, width);
    for (size_t i = 0; i < static_cast<size_t>(stage.depths[genome.depths[s]]); ++i) {
      const Genome::Block& genes = genome.blocks[first + i];
      network.blocks.push_back(block(space, channels, out, i == 0 ? stride.stages[s] : 1,
                                     space.kernels[genes.kernel], space.expansions[genes.expansion],
                                     space.squeeze_excite[genes.squeeze_excite]));
      channels = out;
    }
    first += static_cast<size_t>(stage.depths.back());
  }
  network.classifier.in_features = channels;
  network.classifier.out_features = space.classes;
  return network;
}

}  // namespace mcunet::search
