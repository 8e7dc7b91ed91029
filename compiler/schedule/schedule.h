// A schedule: which kernel runs when, on which buffers, with which constants. Made from a graph,
// independent of where the buffers will lie (memory/) and of how it is written as C (codegen/).
//
// The operators are split into runs, in order. A run has one operator and makes its output whole,
// or several that take turns row by row, so that the tensors between them are rings of a few rows.
// The layer-by-layer schedule is the one in which every run has one operator.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "compiler/memory/planner.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// ---- constants
// -------------------------------------------------------------------------------------------------------

enum class CType : uint8_t { Int8, UInt16, Int32 };
const char* c_name(CType type);
size_t c_size(CType type);

// What a constant is, for the account of the flash.
enum class ConstantRole : uint8_t {
  Weights,  // weights, biases and constant operands: what the model file holds
  Table,    // multipliers, shifts, look-up tables: what the compiler derived
};

using ConstantId = int;

struct Constant {
  std::string name;  // without the model's prefix; unique
  CType type = CType::Int8;
  ConstantRole role = ConstantRole::Weights;
  std::vector<uint8_t> bytes;  // little-endian

  size_t elements() const { return bytes.size() / c_size(type); }
};

// ---- kernel parameters
// -----------------------------------------------------------------------------------------------

struct ConstantRef {
  ConstantId id;
  int64_t offset = 0;  // elements from its beginning
};

// One member of a parameter struct, by its C designator ("in_h", "shape.dims").
struct Field {
  std::string name;
  std::variant<int64_t, std::vector<int32_t>, float, ConstantRef> value;
};

struct Params {
  std::vector<Field> fields;
  bool empty() const { return fields.empty(); }
};

// ---- calls
// -----------------------------------------------------------------------------------------------------------

using BufferId = int;

// Bytes inside a buffer.
struct BufferRef {
  BufferId buffer;
  int64_t offset = 0;
};

// An argument of a kernel: memory of the arena, a constant, the params of this call, a number, or
// which rows to compute. C type as in mcunet_kernels.h where it is not int8_t.
struct ArenaArgument {
  BufferRef ref;
  const char* cast = nullptr;  // "int16_t", "float"
  // In a call that computes one row y the address is that of row y: + pitch * y, or, in a ring,
  // + pitch * (y modulo ring). Pitch 0: the address stays.
  int64_t pitch = 0;
  int32_t ring = 0;
};
struct ParamsArgument {};
enum class RowArgument {
  Row,    // the first row to compute: 0 in a run that makes its output whole
  Count,  // how many: KernelCall::rows, or 1
};
using Argument = std::variant<ArenaArgument, ConstantRef, ParamsArgument, RowArgument, int64_t>;

struct KernelCall {
  std::string kernel;  // "conv_1x1", as in compiler/kernels without the prefix
  std::vector<Argument> arguments;
  Params params;
  size_t op = 0;       // index into the graph's operators
  int32_t rows = 1;    // rows of the output, for RowArgument::Count
  int32_t column = 0;  // of the patch, in a run of patches
};

// ---- runs
// ------------------------------------------------------------------------------------------------------------

enum class RunKind {
  Whole,    // one operator, all of its output at once
  Rows,     // one or more operators, row by row
  Patches,  // several operators on one patch after the other
};

// In Run::order: the next row of the network's input is needed.
constexpr uint8_t kInputRow = 255;
constexpr size_t kMaxOpsPerRun = 255;

struct RowRange {
  int32_t first = 0, end = 0;
};

struct Run {
  RunKind kind = RunKind::Whole;
  size_t first_op = 0, end_op = 0;      // of the graph
  size_t first_call = 0, end_call = 0;  // of the schedule

  // Rows: which operator (less first_op) makes its next row. Each makes its rows in turn, from 0
  // to rows - 1, or the other way round if bottom_up. All calls of the operator are made for each.
  std::vector<uint8_t> order;
  std::vector<int32_t> rows;  // per operator
  bool bottom_up = false;

  BufferId scratch = -1;       // its operators take turns with it; -1: none of them needs any
  std::vector<BufferId> sums;  // per operator: accumulators of a mean over rows, or -1

  // Patches: the grid over the last operator's output. Patches are made in row-major order; in
  // each, one operator after the other, and its rows in turn. A call belongs to one column.
  int32_t patch_columns = 0;
  std::vector<std::vector<RowRange>> patch_rows;  // per row of the grid, per operator
};

// ---- memory
// ----------------------------------------------------------------------------------------------------------

// A stretch of arena that lives from time `first` to time `last`, both included. Run i goes on at
// time i + 1; inputs are there at time 0, outputs until the time after the last run.
struct Buffer {
  std::string name;
  int64_t bytes = 0;
  int first = 0, last = 0;
  bool scratch = false;
};

// Where a tensor lies; tensors may share a buffer (RESHAPE).
struct Placement {
  BufferId buffer = -1;  // -1: not in the arena
  int64_t offset = 0;
  int32_t ring = 0;   // rows that are there at a time; 0: all of them
  int64_t pitch = 0;  // bytes from row to row of a ring or of a tile
};

struct Schedule {
  std::string kind;         // "layer", "stream", "patch"
  bool input_rows = false;  // the network's input comes row by row, into a ring
  std::vector<Buffer> buffers;
  std::vector<OverlapRule> overlaps;  // of buffers
  std::vector<Placement> placements;  // per tensor of the graph
  std::vector<Run> runs;
  std::vector<KernelCall> calls;
  std::vector<Constant> constants;

  // The run that an operator belongs to.
  const Run& run_of(size_t op) const;
};

int64_t constant_bytes(const Schedule& schedule, ConstantRole role);

// The calls that one inference makes, in order, as indices into schedule.calls; -1 where it takes a
// row of the input.
std::vector<int> executed_calls(const Schedule& schedule);

// How often one inference makes each call of the schedule.
std::vector<int64_t> executions_per_call(const Schedule& schedule);

}  // namespace mcunet::compiler
