#include "compiler/schedule/storage.h"

#include <algorithm>

#include "compiler/memory/planner.h"

namespace mcunet::compiler {
namespace {

class Builder {
 public:
  explicit Builder(const Graph& graph) : graph_(graph) {}

  RowGraph run() {
    out_.of_tensor.assign(graph_.tensors.size(), -1);
    out_.ops.reserve(graph_.ops.size());
    for (const TensorId id : graph_.inputs) add(id, -1);
    for (size_t i = 0; i < graph_.ops.size(); ++i) add_op(graph_.ops[i], static_cast<int>(i));
    for (const TensorId id : graph_.outputs) {
      Storage& storage = of(id);
      storage.output = true;
      storage.last_use = static_cast<int>(graph_.ops.size());
    }
    return std::move(out_);
  }

 private:
  Storage& of(TensorId id) { return out_.storages[static_cast<size_t>(out_.storage_of(id))]; }

  void add(TensorId id, int producer) {
    const auto bytes = static_cast<int64_t>(graph_.tensor(id).byte_size());
    Storage storage;
    storage.tensor = id;
    storage.exact_bytes = bytes;
    storage.bytes = aligned(bytes);
    storage.producer = producer;
    storage.last_use = producer;
    out_.of_tensor[static_cast<size_t>(id)] = static_cast<StorageId>(out_.storages.size());
    out_.storages.push_back(std::move(storage));
  }

  void add_op(const Op& op, int index) {
    out_.ops.push_back(row_op(graph_, op));
    for (const RowInput& input : out_.ops.back().inputs) {
      Storage& storage = of(input.tensor);
      storage.last_use = index;
      if (storage.consumers.empty() || storage.consumers.back() != index)
        storage.consumers.push_back(index);
    }
    if (op.kind == OpKind::Reshape && !graph_.input(op, 0).is_constant()) {
      out_.of_tensor[static_cast<size_t>(op.outputs[0])] = out_.storage_of(op.inputs[0]);
      return;
    }
    for (const TensorId id : op.outputs) add(id, index);
  }

  const Graph& graph_;
  RowGraph out_;
};

}  // namespace

RowGraph row_graph(const Graph& graph) { return Builder(graph).run(); }

}  // namespace mcunet::compiler
