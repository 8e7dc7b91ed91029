#include "libmcunet/graph/graph.h"

#include <algorithm>

#include "libmcunet/graph/operators.h"

namespace mcunet {

TensorId Graph::add_tensor(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors.size() - 1);
}

std::vector<int> producers(const Graph& graph) {
  std::vector<int> producer(graph.tensors.size(), -1);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const TensorId id : graph.ops[i].outputs)
      producer[static_cast<size_t>(id)] = static_cast<int>(i);
  }
  return producer;
}

std::vector<std::vector<int>> consumers(const Graph& graph) {
  std::vector<std::vector<int>> readers(graph.tensors.size());
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const TensorId id : graph.ops[i].inputs) {
      std::vector<int>& list = readers[static_cast<size_t>(id)];
      if (list.empty() || list.back() != static_cast<int>(i)) list.push_back(static_cast<int>(i));
    }
  }
  return readers;
}

bool is_graph_output(const Graph& graph, TensorId id) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
}

std::string describe(const Op& op) {
  return "op " + std::to_string(op.source_index) + " " + operator_info(op.kind).name;
}

}  // namespace mcunet
