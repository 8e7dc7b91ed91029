// Network descriptions with trained weights to float graphs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

struct TrainedOptions {
  std::string name = "network";           // the graph's
  std::string description = "network";    // for messages: the description's file
  std::string checkpoint = "checkpoint";  // for messages: the weights' file
  std::optional<int32_t> resolution;      // instead of the description's
};

// The validated float32 graph of the network: the operators of build_graph() (libmcunet/netspec/
// build.h), input [1, resolution, resolution, in_channels] in the range that the network was
// trained with (MCUNet: −1 to 1).
//
// `weights` has the names and shapes of MCUNet's checkpoints: NAME.conv.weight [co, ci/groups, kh,
// kw] with NAME.bn.{weight, bias, running_mean, running_var} [co] and NAME.conv.bias where the
// description has one; classifier.linear.{weight [out, in], bias}. num_batches_tracked is passed
// over. Batch norm is folded in double precision:
//   w' = w · γ / √(var + eps),  b' = β + (b − mean) · γ / √(var + eps).
//
// Throws Error(Input) with everything that is wrong at once: problems() of the description; tensors
// that are missing, too many, of another shape or type, or that hold a NaN or an infinity; negative
// variances. Error(Unsupported) for weight standardization (bn.ws_eps).
Graph build_trained_graph(const NetworkDescription& network, const checkpoint::StateDict& weights,
                          const TrainedOptions& options = {});

}  // namespace mcunet::netspec
