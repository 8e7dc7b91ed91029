// Network descriptions to graphs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"
#include "libmcunet/netspec/structure.h"
#include "libmcunet/netspec/synthetic.h"

namespace mcunet::netspec {

struct Weights {
  // Placeholder data: for planning only. Shapes, types and scales are those of Random{0}.
  struct None {};
  // The same seed gives the same bytes on every machine.
  struct Random {
    uint64_t seed = 0;
  };
};

struct BuildOptions {
  std::string name = "network";  // the graph's
  std::variant<Weights::None, Weights::Random> weights = Weights::Random{};
  std::optional<int32_t> resolution;  // instead of the description's
  // Keeps the data of Weights::None from one graph to the next; not owned. Without it, each graph
  // has its own.
  Placeholders* placeholders = nullptr;
};

// The validated int8 graph of the network, as a converter gives it after folding batch norm: input
// [1, resolution, resolution, in_channels] int8 in [-1, 1], zero point 0; CONV_2D and
// DEPTHWISE_CONV_2D with explicit symmetric padding and fused RELU or RELU6; ADD for shortcuts;
// global AVERAGE_POOL_2D; the classifier as 1×1 CONV_2D and RESHAPE to [1, out_features]. Squeeze-
// and-excite is AVERAGE_POOL_2D, two CONV_2D, ADD 3 with RELU6, MUL by 1/6, MUL. Weights are named
// as in MCUNet's checkpoints ("blocks.0.mobile_inverted_conv.depth_conv.conv.weight"), quantized
// per channel. No data of `placeholders` is written to after this returns; the graph shares it.
//
// Throws Error(Input) with all problems() of the description, or when neither it nor the options
// have a resolution.
Graph build_graph(const NetworkDescription& network, const BuildOptions& options = {});

// What build_graph() takes its tensors from, for networks that are described in another way
// (layers.h). `options` and `placeholders` must outlive it.
std::unique_ptr<TensorSource> synthetic_source(const BuildOptions& options,
                                               Placeholders& placeholders);

}  // namespace mcunet::netspec
