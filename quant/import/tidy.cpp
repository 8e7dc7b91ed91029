#include "quant/import/tidy.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "compiler/passes/passes.h"
#include "libmcunet/graph/activation.h"

namespace mcunet::import {
namespace {

// Operators that were merged into another are left without outputs until the end.
class Tidier {
 public:
  explicit Tidier(const Graph& graph)
      : graph_(graph), producer_(producers(graph)), readers_(graph.tensors.size(), 0) {
    for (const Op& op : graph_.ops) {
      for (const TensorId id : op.inputs) ++readers_[static_cast<size_t>(id)];
    }
    for (const TensorId id : graph_.outputs) ++readers_[static_cast<size_t>(id)];
  }

  Graph run() {
    for (Op& op : graph_.ops) find_hard_swish(op);
    drop_dead();
    for (size_t i = 0; i < graph_.ops.size(); ++i) fold_affine(i);
    drop_dead();
    graph_ = compiler::fuse_activations(std::move(graph_));
    drop_tensors();
    return std::move(graph_);
  }

 private:
  // The operator that writes the tensor, when only one reads it.
  Op* only_producer(TensorId id) {
    const int at = producer_[static_cast<size_t>(id)];
    return at >= 0 && readers_[static_cast<size_t>(id)] == 1 ? &graph_.ops[static_cast<size_t>(at)]
                                                             : nullptr;
  }
  const Op* any_producer(TensorId id) const {
    const int at = producer_[static_cast<size_t>(id)];
    return at >= 0 ? &graph_.ops[static_cast<size_t>(at)] : nullptr;
  }

  // The operand of a MUL or ADD that is not the scalar `value`.
  std::optional<TensorId> other_than(const Op* op, OpKind kind, float value) const {
    if (op == nullptr || op->kind != kind || op->as<BinaryAttrs>().activation != Activation::None)
      return std::nullopt;
    for (size_t i = 0; i < 2; ++i) {
      const Tensor& tensor = graph_.tensor(op->inputs[i]);
      if (tensor.is_constant() && tensor.elements() == 1 &&
          std::abs(*tensor.constant<float>() - value) <= 1e-6F * value)
        return op->inputs[1 - i];
    }
    return std::nullopt;
  }

  // Whether `id` is relu6(x + 3).
  bool is_shifted_relu6(TensorId id, TensorId x) const {
    const Op* relu6 = any_producer(id);
    if (relu6 == nullptr || relu6->kind != OpKind::Relu6) return false;
    return other_than(any_producer(relu6->inputs[0]), OpKind::Add, 3) == x;
  }

  void find_hard_swish(Op& op) {
    if (op.kind != OpKind::Mul) return;
    constexpr float kSixth = 1.0F / 6;
    std::optional<TensorId> found;
    for (size_t i = 0; i < 2; ++i) {  // x · (relu6(x + 3) · 1/6)
      const TensorId x = op.inputs[i];
      const auto relu6 = other_than(any_producer(op.inputs[1 - i]), OpKind::Mul, kSixth);
      if (relu6 && is_shifted_relu6(*relu6, x)) found = x;
    }
    if (const auto product = other_than(&op, OpKind::Mul, kSixth)) {  // (x · relu6(x + 3)) · 1/6
      const Op* mul = any_producer(*product);
      for (size_t i = 0; mul != nullptr && mul->kind == OpKind::Mul && i < 2; ++i) {
        if (is_shifted_relu6(mul->inputs[1 - i], mul->inputs[i])) found = mul->inputs[i];
      }
    }
    if (!found) return;
    op.kind = OpKind::HardSwish;
    op.inputs = {*found};
    op.attrs = std::monostate{};
  }

  // `op` goes, and `before` writes its output.
  void merge(size_t before, Op& op) {
    graph_.ops[before].outputs = std::exchange(op.outputs, {});
    producer_[static_cast<size_t>(graph_.ops[before].outputs[0])] = static_cast<int>(before);
  }

  std::vector<float> values(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    const float* data = tensor.constant<float>();
    return {data, data + tensor.elements()};
  }
  void set_values(TensorId id, const std::vector<float>& changed) {
    auto bytes = std::make_shared<std::vector<uint8_t>>(changed.size() * sizeof(float));
    std::memcpy(bytes->data(), changed.data(), bytes->size());
    graph_.tensor(id).data = std::move(bytes);
  }

  static bool is_weighted(const Op& op) {
    return op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D ||
           op.kind == OpKind::FullyConnected;
  }

  TensorId bias_of(Op& op, size_t channels) {
    if (op.inputs.size() > 2) return op.inputs[2];
    Tensor bias;
    const std::string& weights = graph_.tensor(op.inputs[1]).name;
    bias.name = weights.substr(0, weights.rfind('.')) + ".bias";
    bias.dtype = DType::Float32;
    bias.shape = {static_cast<int32_t>(channels)};
    bias.data = std::make_shared<std::vector<uint8_t>>(channels * sizeof(float), uint8_t{0});
    op.inputs.push_back(graph_.add_tensor(std::move(bias)));
    readers_.push_back(1);
    producer_.push_back(-1);
    return op.inputs[2];
  }

  void fold_affine(size_t at) {
    Op& op = graph_.ops[at];
    if (op.kind != OpKind::Mul && op.kind != OpKind::Add) return;
    if (op.as<BinaryAttrs>().activation != Activation::None || op.outputs.empty()) return;
    const Tensor& constant = graph_.tensor(op.inputs[1]);
    Op* before = only_producer(op.inputs[0]);
    if (!constant.is_constant() || before == nullptr || !is_weighted(*before) ||
        fused_activation(*before) != Activation::None)
      return;
    const auto channels = static_cast<size_t>(graph_.output(*before).shape.back());
    const bool per_channel = constant.shape == Shape{static_cast<int32_t>(channels)};
    if (constant.elements() != 1 && !per_channel) return;

    const std::vector<float> operand = values(op.inputs[1]);
    const auto of_channel = [&](size_t c) { return operand[per_channel ? c : 0]; };
    if (op.kind == OpKind::Mul) {
      const bool last = before->kind == OpKind::DepthwiseConv2D;
      std::vector<float> weights = values(before->inputs[1]);
      for (size_t i = 0; i < weights.size(); ++i)
        weights[i] *= of_channel(last ? i % channels : i / (weights.size() / channels));
      set_values(before->inputs[1], weights);
    }
    if (op.kind == OpKind::Add || before->inputs.size() > 2) {
      const TensorId id = bias_of(*before, channels);
      std::vector<float> bias = values(id);
      for (size_t c = 0; c < channels; ++c)
        bias[c] = op.kind == OpKind::Mul ? bias[c] * of_channel(c) : bias[c] + of_channel(c);
      set_values(id, bias);
    }
    merge(static_cast<size_t>(producer_[static_cast<size_t>(op.inputs[0])]), op);
  }

  void drop_dead() {
    std::vector<bool> needed(graph_.tensors.size(), false);
    for (const TensorId id : graph_.outputs) needed[static_cast<size_t>(id)] = true;
    std::vector<Op> kept;
    for (size_t i = graph_.ops.size(); i-- > 0;) {
      Op& op = graph_.ops[i];
      bool used = false;
      for (const TensorId id : op.outputs) used = used || needed[static_cast<size_t>(id)];
      if (!used) continue;
      for (const TensorId id : op.inputs) needed[static_cast<size_t>(id)] = true;
      kept.push_back(std::move(op));
    }
    graph_.ops.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
    *this = Tidier(graph_);
  }

  void drop_tensors() {
    std::vector<TensorId> moved(graph_.tensors.size(), -1);
    std::vector<Tensor> kept;
    const auto keep = [&](TensorId& id) {
      TensorId& to = moved[static_cast<size_t>(id)];
      if (to < 0) {
        to = static_cast<TensorId>(kept.size());
        kept.push_back(graph_.tensor(id));
      }
      id = to;
    };
    for (TensorId& id : graph_.inputs) keep(id);
    for (Op& op : graph_.ops) {
      for (TensorId& id : op.inputs) keep(id);
      for (TensorId& id : op.outputs) keep(id);
    }
    for (TensorId& id : graph_.outputs) keep(id);
    graph_.tensors = std::move(kept);
  }

  Graph graph_;
  std::vector<int> producer_;  // of each tensor: an operator, or -1
  std::vector<int> readers_;   // of each tensor: operators, and graph outputs
};

}  // namespace

Graph tidied(const Graph& graph) { return Tidier(graph).run(); }

}  // namespace mcunet::import
