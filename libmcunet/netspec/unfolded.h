// Graphs of network descriptions back to state dicts.
#pragma once

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

// The inverse of build_trained_graph() (libmcunet/netspec/trained.h), as far as there is one: a
// state dict with MCUNet's names and PyTorch's shapes that folds to `graph` again. What batch norm
// did is in the weights already, so that it adds its bias and no more: weight 1, running_mean 0,
// running_var 1 − eps, num_batches_tracked 0.
//
// `graph` is float32 and has the layers of `network`, whatever the resolution: build_graph()'s,
// dequantized, or build_trained_graph()'s. Throws Error(Internal) where a layer has no weights in
// it.
checkpoint::StateDict unfolded_state(const NetworkDescription& network, const Graph& graph);

}  // namespace mcunet::netspec
