// The intermediate representation: a value that frontends produce and every later stage may rely
// on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "libmcunet/graph/op.h"
#include "libmcunet/graph/types.h"

namespace mcunet {

// Operators in execution order, tensors by dense index. A tensor is written by at most one
// operator. Tensors that no operator uses may exist (a frontend keeps the file's numbering).
struct Graph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<Op> ops;
  std::vector<TensorId> inputs, outputs;
  // What else the file says about the model: the text of its metadata entries that begin with
  // "mcunet.", such as "mcunet.preprocess" (libmcunet/data/preprocess.h).
  std::map<std::string, std::string> metadata;

  const Tensor& tensor(TensorId id) const { return tensors.at(static_cast<size_t>(id)); }
  Tensor& tensor(TensorId id) { return tensors.at(static_cast<size_t>(id)); }
  TensorId add_tensor(Tensor tensor);

  const Tensor& input(const Op& op, size_t i) const { return tensor(op.inputs.at(i)); }
  const Tensor& output(const Op& op, size_t i = 0) const { return tensor(op.outputs.at(i)); }
  bool has_input(const Op& op, size_t i) const { return i < op.inputs.size(); }
};

// For each tensor, the index of the operator that writes it, or -1.
std::vector<int> producers(const Graph& graph);
// For each tensor, the operators that read it, in order (an operator that reads it twice is listed
// once).
std::vector<std::vector<int>> consumers(const Graph& graph);

bool is_graph_output(const Graph& graph, TensorId id);

// "op 3 CONV_2D", with the number the operator had in the source file.
std::string describe(const Op& op);

}  // namespace mcunet
