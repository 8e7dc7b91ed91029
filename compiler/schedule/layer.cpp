#include "compiler/schedule/layer.h"

#include <algorithm>
#include <optional>

#include "compiler/schedule/lower.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/kernel.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

// One problem per operator that works on something else than int8.
std::vector<std::string> unsupported_types(const Graph& graph) {
  std::vector<std::string> problems;
  for (const Op& op : graph.ops) {
    const bool converts = op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize;
    std::vector<TensorId> touched = op.inputs;
    touched.insert(touched.end(), op.outputs.begin(), op.outputs.end());
    for (const TensorId id : touched) {
      const Tensor& tensor = graph.tensor(id);
      if (tensor.is_constant() || tensor.dtype == DType::Int8) continue;
      if (converts && tensor.dtype != DType::Int16) continue;
      problems.push_back(describe(op) + ": tensor " + std::to_string(id) + " '" + tensor.name +
                         "' is " + dtype_name(tensor.dtype) +
                         "; compiled networks work on int8 between their edges");
      break;
    }
  }
  return problems;
}

// Finds out where each tensor lives, and when.
class Placer {
 public:
  Placer(const Graph& graph, Schedule& schedule) : graph_(graph), schedule_(schedule) {}

  void run() {
    const int end = static_cast<int>(graph_.ops.size()) + 1;
    schedule_.placements.assign(graph_.tensors.size(), {});
    schedule_.in_place.assign(graph_.ops.size(), false);
    last_use_.assign(graph_.tensors.size(), 0);
    for (size_t i = 0; i < graph_.ops.size(); ++i) {
      for (const TensorId id : graph_.ops[i].inputs)
        last_use_[static_cast<size_t>(id)] = static_cast<int>(i) + 1;
    }
    for (const TensorId id : graph_.outputs) last_use_[static_cast<size_t>(id)] = end;
    for (const TensorId id : graph_.inputs) new_buffer(id, 0);
    for (size_t i = 0; i < graph_.ops.size(); ++i) place_outputs(i);
  }

 private:
  void new_buffer(TensorId id, int time) {
    const Tensor& tensor = graph_.tensor(id);
    const std::string name = tensor.name.empty() ? "tensor" + std::to_string(id) : tensor.name;
    schedule_.buffers.push_back({name, static_cast<int64_t>(tensor.byte_size()), time,
                                 std::max(time, last_use_[static_cast<size_t>(id)]), false});
    schedule_.placements[static_cast<size_t>(id)] = {
        static_cast<BufferId>(schedule_.buffers.size() - 1), 0};
  }

  void share(TensorId from, TensorId id) {
    const Placement place = schedule_.placements[static_cast<size_t>(from)];
    schedule_.placements[static_cast<size_t>(id)] = place;
    Buffer& buffer = schedule_.buffers[static_cast<size_t>(place.buffer)];
    buffer.last = std::max(buffer.last, last_use_[static_cast<size_t>(id)]);
  }

  void place_outputs(size_t index) {
    const Op& op = graph_.ops[index];
    const int time = static_cast<int>(index) + 1;
    if (op.kind == OpKind::Reshape && !graph_.input(op, 0).is_constant())
      return share(op.inputs[0], op.outputs[0]);
    if (const std::optional<TensorId> target = in_place_target(op, time)) {
      schedule_.in_place[index] = true;
      return share(*target, op.outputs[0]);
    }
    for (const TensorId id : op.outputs) new_buffer(id, time);
  }

  // SOFTMAX reads a row before it writes it.
  static bool may_overwrite(OpKind kind) {
    return operator_info(kind).elementwise || kind == OpKind::Softmax;
  }

  // An input whose bytes the output may replace one by one: of the same size, and read by nobody
  // afterwards.
  std::optional<TensorId> in_place_target(const Op& op, int time) const {
    if (!may_overwrite(op.kind)) return std::nullopt;
    const Tensor& out = graph_.output(op);
    for (const TensorId id : op.inputs) {
      const Tensor& tensor = graph_.tensor(id);
      if (tensor.is_constant() || tensor.byte_size() != out.byte_size() ||
          tensor.elements() != out.elements())
        continue;
      const Placement& place = schedule_.placements[static_cast<size_t>(id)];
      const Buffer& buffer = schedule_.buffers[static_cast<size_t>(place.buffer)];
      if (buffer.last == time && buffer.bytes == static_cast<int64_t>(out.byte_size())) return id;
    }
    return std::nullopt;
  }

  const Graph& graph_;
  Schedule& schedule_;
  std::vector<int> last_use_;
};

}  // namespace

Schedule schedule_layers(const Graph& graph) {
  std::vector<std::string> problems = unsupported_types(graph);
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
  Schedule schedule;
  schedule.kind = "layer";
  Placer(graph, schedule).run();
  Lowering lowering(graph, schedule);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    lowering.begin(i);
    try {
      const OpKind kind = graph.ops[i].kind;
      const bool converts = kind == OpKind::Quantize || kind == OpKind::Dequantize;
      if (!converts) reference::compute_type(graph, graph.ops[i]);
      lower(lowering);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Unsupported) throw;
      for (const std::string& problem : error.problems())
        problems.push_back(describe(graph.ops[i]) + ": " + problem);
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
  return schedule;
}

}  // namespace mcunet::compiler
