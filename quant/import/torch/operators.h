// TorchScript's operators: each says what it means in the builder's terms.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "quant/import/builder.h"
#include "quant/import/torch/libtorch.h"

namespace mcunet::import {

// A value of the program: known (numbers, lists of them, weights), computed by the network, or a
// list or tuple of such. std::monostate: the result of an operator that is not supported.
struct Item {
  std::variant<std::monostate, c10::IValue, TensorView, std::vector<Item>> value;

  bool missing() const { return std::holds_alternative<std::monostate>(value); }
  const c10::IValue* known() const { return std::get_if<c10::IValue>(&value); }
  const TensorView* computed() const { return std::get_if<TensorView>(&value); }
  const std::vector<Item>* items() const { return std::get_if<std::vector<Item>>(&value); }
};

Constant constant_of(const at::Tensor& tensor);

// A call with its arguments by the names of the operator's schema. Throws Error(Input) or
// Error(Unsupported) where an argument is not what is needed.
class Call {
 public:
  Call(const torch::jit::Node& node, std::vector<Item> arguments)
      : node_(node), arguments_(std::move(arguments)) {}

  bool has(const char* name) const;  // there is such an argument, and it is not None
  const Item& item(const char* name) const;
  const TensorView& activation(const char* name) const;
  Value value(const char* name) const;  // an activation or a constant
  Constant constant(const char* name) const;
  std::optional<Constant> optional_constant(const char* name) const;
  int64_t integer(const char* name) const;
  double real(const char* name) const;
  double real(const char* name, double fallback) const;  // None, or not there
  bool flag(const char* name) const;
  std::string text(const char* name) const;
  std::vector<int64_t> integers(const char* name) const;
  // Of rows and columns; one number stands for both.
  std::array<int64_t, 2> pair(const char* name) const;

 private:
  const c10::IValue& known(const char* name) const;

  const torch::jit::Node& node_;
  std::vector<Item> arguments_;
};

bool is_torch_operator(const std::string& kind);  // "aten::conv2d"
std::string torch_operators();                    // "abs, adaptive_avg_pool2d, …"

Item translate(const std::string& kind, const Call& call, Builder& builder);

}  // namespace mcunet::import
