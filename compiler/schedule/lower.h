// Operators to kernel calls: one function per family, chosen by kind in lower().
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/schedule/patch.h"
#include "compiler/schedule/rows.h"
#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

// What lowering one operator may do to the schedule in the making.
class Lowering {
 public:
  Lowering(const Graph& graph, Schedule& schedule, const std::set<std::string>& unwanted)
      : graph_(graph), schedule_(schedule), unwanted_(unwanted) {}

  // The calls to come are those of an operator; in a run of patches, for one column of them.
  void begin(size_t op_index, int32_t column = 0);
  const Graph& graph() const { return graph_; }
  const Op& op() const { return graph_.ops[op_index_]; }
  const Tensor& input(size_t i) const { return graph_.input(op(), i); }
  const Tensor& output(size_t i = 0) const { return graph_.output(op(), i); }

  // Whether a kernel may be used that a more general one could stand in for.
  bool wants(const std::string& kernel) const { return unwanted_.count(kernel) == 0; }

  // Whether a call makes one row instead of the whole output, and how many rows there are then.
  bool by_rows() const { return run_->kind != RunKind::Whole; }
  int32_t steps() const { return row_.steps; }
  bool bottom_up() const { return run_->bottom_up; }
  // Of so many elements of the output, those that one call makes.
  int64_t per_call(int64_t elements) const;

  // Columns of an image that a call reads and makes: all, or those of a patch, and how many; in()
  // and out() point to the first. And what lies left of those read, which is padding: a patch that
  // is cut off inside the image has none.
  RowRange in_columns(size_t i) const;
  RowRange out_columns() const;
  int32_t in_width(size_t i) const;
  int32_t out_width() const;
  int32_t pad_left(int32_t stride, int32_t padding) const;

  // Kernel arguments. `offset` is in bytes; `cast` a C element type other than int8_t.
  // in() and out() are the rows that a call works on: row y if it makes row y and the operator goes
  // through that tensor row by row. in_image() is where the tensor, or its ring, begins.
  Argument in(size_t i, int64_t offset = 0, const char* cast = nullptr);
  Argument in_image(size_t i, int64_t offset = 0);
  Argument out(size_t i = 0, int64_t offset = 0, const char* cast = nullptr);
  Argument out_image(size_t i = 0);
  Argument scratch(int64_t bytes);  // int16_t, alive during this operator only
  Argument sums();                  // int32_t, alive until the operator's last row

  // Rows of an input image that are there, and bytes from one to the next.
  int32_t ring_rows(size_t i) const;
  int64_t row_stride(size_t i) const;

  // Constants are named after the operator and `what`; equal ones are kept once.
  ConstantRef int8s(const std::string& what, const std::vector<int8_t>& values, ConstantRole role);
  ConstantRef uint16s(const std::string& what, const std::vector<uint16_t>& values);
  ConstantRef int32s(const std::string& what, const std::vector<int32_t>& values,
                     ConstantRole role);

  void call(std::string kernel, std::vector<Argument> arguments, Params params = {});
  // A kernel that takes the rows to make as its last two arguments.
  void call_rows(std::string kernel, std::vector<Argument> arguments, Params params);

 private:
  ConstantRef constant(const std::string& what, CType type, ConstantRole role,
                       std::vector<uint8_t> bytes);
  Argument operand(TensorId id, int64_t offset, const char* cast) const;
  const RowInput& row_input(size_t i) const;
  const PatchInput& patch_input(size_t i) const;
  bool in_patches() const { return run_->kind == RunKind::Patches; }
  int patch_op() const { return static_cast<int>(op_index_); }  // patches begin with operator 0
  void find_patches();

  const Graph& graph_;
  Schedule& schedule_;
  const std::set<std::string>& unwanted_;
  size_t op_index_ = 0;
  RowOp row_;
  const Run* run_ = nullptr;
  std::optional<PatchPart> patches_;
  int32_t column_ = 0;
  std::map<std::vector<uint8_t>, ConstantId> known_[3][2];  // per type and role
};

// All operators of `graph`, in a schedule made by frame(). Throws Error(Unsupported) with every
// operator that no kernel can run. Kernels that are unwanted (kernel_choice.h) are not used.
void lower_all(const Graph& graph, Schedule& schedule, const std::set<std::string>& unwanted = {});

// Throws Error(Unsupported) with every operator that works on something else than int8.
void require_supported_types(const Graph& graph);

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
