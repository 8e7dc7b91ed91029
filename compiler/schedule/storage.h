// What the graph keeps in the arena: one storage for each tensor that is written, shared by those
// that RESHAPE only renames; when it is made and last read; and how each operator works by rows.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/schedule/rows.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

using StorageId = int;

struct Storage {
  TensorId tensor = -1;  // the one that is written
  int64_t bytes = 0;     // rounded up to kArenaAlignment
  int64_t exact_bytes = 0;
  int producer = -1;  // operator; -1 for an input of the network
  int last_use = -1;  // operator; the number of operators for an output of the network
  bool output = false;
  std::vector<int> consumers;  // operators, in order
};

struct RowGraph {
  std::vector<RowOp> ops;
  std::vector<Storage> storages;
  std::vector<StorageId> of_tensor;  // -1 for constants

  StorageId storage_of(TensorId id) const { return of_tensor[static_cast<size_t>(id)]; }
};

RowGraph row_graph(const Graph& graph);

}  // namespace mcunet::compiler
