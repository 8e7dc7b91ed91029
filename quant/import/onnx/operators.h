// ONNX's operators: each says what it means in the builder's terms.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <string>
#include <vector>

#include "quant/import/builder.h"
#include "quant/import/onnx/proto.h"

namespace mcunet::import {

// A node with what its inputs are. Throws Error(Input) or Error(Unsupported) without the node's
// name where an input is not what the operator needs.
class Node {
 public:
  Node(const onnx::NodeProto& proto, std::vector<Value> inputs, int64_t opset,
       const std::filesystem::path& directory)
      : attributes(proto, directory), inputs_(std::move(inputs)), opset_(opset) {}

  Attributes attributes;

  int64_t opset() const { return opset_; }
  size_t count() const { return inputs_.size(); }
  bool has(size_t i) const {
    return i < inputs_.size() && !std::holds_alternative<std::monostate>(inputs_[i]);
  }
  const Value& value(size_t i) const;
  const TensorView& activation(size_t i) const;
  // `what` names the input in messages.
  const Constant& constant(size_t i, const char* what) const;
  std::vector<int64_t> integers(size_t i, const char* what) const;
  bool all_constant() const;

 private:
  std::vector<Value> inputs_;  // std::monostate: left out
  int64_t opset_;
};

// Evaluates a node whose inputs are known; appends others to the graph. One value per output that
// is supported.
std::vector<Value> translate(const std::string& kind, const Node& node, size_t outputs,
                             Builder& builder);

bool is_onnx_operator(const std::string& kind);
std::string onnx_operators();  // "Abs, Add, …"

}  // namespace mcunet::import
