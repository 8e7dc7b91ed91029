// Operators to kernel calls: one function per family, chosen by kind in lower().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

// What lowering one operator may do to the schedule in the making.
class Lowering {
 public:
  Lowering(const Graph& graph, Schedule& schedule) : graph_(graph), schedule_(schedule) {}

  void begin(size_t op_index) { op_index_ = op_index; }
  const Graph& graph() const { return graph_; }
  const Op& op() const { return graph_.ops[op_index_]; }
  const Tensor& input(size_t i) const { return graph_.input(op(), i); }
  const Tensor& output(size_t i = 0) const { return graph_.output(op(), i); }

  // Kernel arguments. `offset` is in bytes; `cast` a C element type other than int8_t.
  Argument in(size_t i, int64_t offset = 0, const char* cast = nullptr);
  Argument out(size_t i = 0, int64_t offset = 0, const char* cast = nullptr);
  Argument scratch(int64_t bytes);  // int16_t, alive during this operator only

  // Constants are named after the operator and `what`; equal ones are kept once.
  ConstantRef int8s(const std::string& what, const std::vector<int8_t>& values, ConstantRole role);
  ConstantRef uint16s(const std::string& what, const std::vector<uint16_t>& values);
  ConstantRef int32s(const std::string& what, const std::vector<int32_t>& values,
                     ConstantRole role);

  void call(std::string kernel, std::vector<Argument> arguments, Params params = {});

 private:
  ConstantRef constant(const std::string& what, CType type, ConstantRole role,
                       std::vector<uint8_t> bytes);
  Argument operand(TensorId id, int64_t offset, const char* cast);

  const Graph& graph_;
  Schedule& schedule_;
  size_t op_index_ = 0;
  std::map<std::vector<uint8_t>, ConstantId> known_[3][2];  // per type and role
};

void lower(Lowering& to);  // throws Error(Unsupported) without naming the operator

void lower_conv(Lowering& to);
void lower_depthwise(Lowering& to);
void lower_fully_connected(Lowering& to);
void lower_add(Lowering& to);
void lower_mul(Lowering& to);
void lower_minmax(Lowering& to);
void lower_pool(Lowering& to);
void lower_mean(Lowering& to);
void lower_softmax(Lowering& to);
void lower_table(Lowering& to);  // every function of one byte
void lower_quantize(Lowering& to);
void lower_reshape(Lowering& to);
void lower_pad(Lowering& to);
void lower_transpose(Lowering& to);
void lower_concatenation(Lowering& to);
void lower_split(Lowering& to);
void lower_strided_slice(Lowering& to);
void lower_block_move(Lowering& to);
void lower_resize(Lowering& to);

}  // namespace mcunet::compiler
