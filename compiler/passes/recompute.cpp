#include "compiler/passes/recompute.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr int kConvolutionsBack = 2;  // expand and depthwise

bool is_convolution(OpKind kind) {
  return kind == OpKind::Conv2D || kind == OpKind::DepthwiseConv2D;
}

bool can_be_cloned(OpKind kind) {
  return is_convolution(kind) || kind == OpKind::Pad || operator_info(kind).elementwise;
}

bool summarizes(OpKind kind) {
  return kind == OpKind::Mean || kind == OpKind::AveragePool2D || kind == OpKind::MaxPool2D;
}

class GateMatcher {
 public:
  explicit GateMatcher(const Graph& graph)
      : graph_(graph), producer_(producers(graph)), readers_(consumers(graph)) {}

  std::optional<GateBlock> match(size_t mul) const {
    const Op& op = graph_.ops[mul];
    if (op.kind != OpKind::Mul) return std::nullopt;
    for (const size_t operand : {0U, 1U}) {
      const TensorId whole = op.inputs[operand];
      if (!is_gated(whole, op.inputs[1 - operand], mul)) continue;
      GateBlock block = way_back(whole);
      if (block.cloned.empty()) continue;
      block.mul = mul;
      block.tensor = whole;
      block.bytes = bytes(whole);
      block.source_bytes = bytes(block.source);
      for (const size_t index : block.cloned) block.extra_macs += macs(graph_, graph_.ops[index]);
      return block;
    }
    return std::nullopt;
  }

 private:
  int64_t bytes(TensorId id) const { return static_cast<int64_t>(graph_.tensor(id).byte_size()); }
  int producer(TensorId id) const { return producer_[static_cast<size_t>(id)]; }

  // `whole` is read by `mul` and by means that make `gate`, and by nothing else.
  bool is_gated(TensorId whole, TensorId gate, size_t mul) const {
    if (producer(whole) < 0 || is_graph_output(graph_, whole) ||
        graph_.tensor(whole).shape != graph_.output(graph_.ops[mul]).shape)
      return false;
    const std::optional<std::set<int>> makers = gate_makers(whole, gate);
    if (!makers) return false;
    bool summarized = false;
    for (const int reader : readers_[static_cast<size_t>(whole)]) {
      if (reader == static_cast<int>(mul)) continue;
      if (makers->count(reader) == 0 || !summarizes(graph_.ops[static_cast<size_t>(reader)].kind))
        return false;
      summarized = true;
    }
    return summarized;
  }

  // The operators between `whole` and `gate`; none when a result among them is not small.
  std::optional<std::set<int>> gate_makers(TensorId whole, TensorId gate) const {
    std::set<int> makers;
    std::vector<TensorId> open{gate};
    while (!open.empty()) {
      const TensorId id = open.back();
      open.pop_back();
      // What was there before `whole` does not depend on it.
      if (id == whole || producer(id) < producer(whole)) continue;
      if (bytes(id) >= bytes(whole)) return std::nullopt;
      if (!makers.insert(producer(id)).second) continue;
      const Op& op = graph_.ops[static_cast<size_t>(producer(id))];
      open.insert(open.end(), op.inputs.begin(), op.inputs.end());
    }
    return makers;
  }

  // The operators that make `whole` from one tensor that stays anyway. A branch, such as x·σ(x), is
  // followed as long as it holds no convolution, and taken when it has joined.
  GateBlock way_back(TensorId whole) const {
    GateBlock block;
    using Made = std::pair<int, TensorId>;  // with its producer, so that the latest goes first
    std::set<Made> open{{producer(whole), whole}};
    std::set<int> taken;
    int convolutions = 0;
    while (convolutions < kConvolutionsBack || open.size() > 1) {
      const auto [index, id] = *open.rbegin();
      if (id != whole && stays_anyway(id, taken)) break;
      const Op& op = graph_.ops[static_cast<size_t>(index)];
      if (!can_be_cloned(op.kind)) break;
      if (is_convolution(op.kind) && open.size() > 1) break;
      if (is_convolution(op.kind)) ++convolutions;
      open.erase({index, id});
      taken.insert(index);
      for (const TensorId input : op.inputs) {
        if (!graph_.tensor(input).is_constant()) open.insert({producer(input), input});
      }
      if (open.size() != 1) continue;
      block.cloned.assign(taken.begin(), taken.end());
      block.source = open.begin()->second;
    }
    return block;
  }

  bool stays_anyway(TensorId id, const std::set<int>& taken) const {
    const std::vector<int>& readers = readers_[static_cast<size_t>(id)];
    return producer(id) < 0 || is_graph_output(graph_, id) ||
           std::any_of(readers.begin(), readers.end(),
                       [&](int reader) { return taken.count(reader) == 0; });
  }

  const Graph& graph_;
  std::vector<int> producer_;
  std::vector<std::vector<int>> readers_;
};

}  // namespace

std::vector<GateBlock> gate_blocks(const Graph& graph) {
  const GateMatcher matcher(graph);
  std::vector<GateBlock> blocks;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (std::optional<GateBlock> block = matcher.match(i)) blocks.push_back(std::move(*block));
  }
  return blocks;
}

Graph recompute_gate(Graph graph, size_t block) {
  const std::vector<GateBlock> blocks = gate_blocks(graph);
  if (block >= blocks.size())
    throw Error(ErrorKind::Usage, "squeeze-and-excite block " + std::to_string(block) +
                                      ": the graph has " + std::to_string(blocks.size()) +
                                      " that can be recomputed");
  const GateBlock& gate = blocks[block];
  std::map<TensorId, TensorId> again;
  std::vector<Op> clones;
  for (const size_t index : gate.cloned) {
    Op clone = graph.ops[index];
    for (TensorId& id : clone.inputs) {
      if (const auto known = again.find(id); known != again.end()) id = known->second;
    }
    Tensor result = graph.output(clone);
    result.name += "/again";
    const TensorId id = graph.add_tensor(std::move(result));
    again[clone.outputs[0]] = id;
    clone.outputs[0] = id;
    clones.push_back(std::move(clone));
  }
  for (TensorId& id : graph.ops[gate.mul].inputs) {
    if (id == gate.tensor) id = again.at(gate.tensor);
  }
  graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(gate.mul), clones.begin(),
                   clones.end());
  return graph;
}

}  // namespace mcunet::compiler
