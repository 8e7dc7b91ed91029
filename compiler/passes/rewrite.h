// Small helpers for passes.
#pragma once

#include <algorithm>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

inline void replace_uses(Graph& graph, TensorId from, TensorId to) {
  for (Op& op : graph.ops) std::replace(op.inputs.begin(), op.inputs.end(), from, to);
}

template <typename Predicate>
void erase_ops(Graph& graph, Predicate dead) {
  graph.ops.erase(std::remove_if(graph.ops.begin(), graph.ops.end(), dead), graph.ops.end());
}

}  // namespace mcunet::compiler
