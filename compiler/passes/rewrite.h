// Small helpers for passes.
#pragma once

#include <algorithm>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

template <typename Predicate>
void erase_ops(Graph& graph, Predicate dead) {
  graph.ops.erase(std::remove_if(graph.ops.begin(), graph.ops.end(), dead), graph.ops.end());
}

// The operators whose index is marked.
inline void erase_marked(Graph& graph, const std::vector<bool>& dead) {
  size_t index = 0;
  erase_ops(graph, [&](const Op&) { return dead[index++]; });
}

}  // namespace mcunet::compiler
