// A schedule: which kernel runs when, on which buffers, with which constants. Made from a graph,
// independent of where the buffers will lie (memory/) and of how it is written as C (codegen/).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

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

// ---- steps
// -----------------------------------------------------------------------------------------------------------

using BufferId = int;

// Bytes inside a buffer.
struct BufferRef {
  BufferId buffer;
  int64_t offset = 0;
};

// An argument of a kernel: memory of the arena, a constant, the params of this call, or a number. C
// type as in mcunet_kernels.h where it is not int8_t.
struct ArenaArgument {
  BufferRef ref;
  const char* cast = nullptr;  // "int16_t", "float"
};
struct ParamsArgument {};
using Argument = std::variant<ArenaArgument, ConstantRef, ParamsArgument, int64_t>;

struct KernelCall {
  std::string kernel;  // "conv_1x1", as in compiler/kernels without the prefix
  std::vector<Argument> arguments;
  Params params;
  size_t op = 0;  // index into the graph's operators
};

// A stretch of arena that lives from time `first` to time `last`, both included. Operator i runs at
// time i + 1; inputs are there at time 0, outputs until the time after the last operator.
struct Buffer {
  std::string name;
  int64_t bytes = 0;
  int first = 0, last = 0;
  bool scratch = false;
};

// Where a tensor lies; tensors may share a buffer (RESHAPE, in-place operators).
struct Placement {
  BufferId buffer = -1;  // -1: not in the arena
  int64_t offset = 0;
};

struct Schedule {
  std::string kind;  // "layer"
  std::vector<Buffer> buffers;
  std::vector<Placement> placements;  // per tensor of the graph
  std::vector<KernelCall> calls;
  std::vector<Constant> constants;
  std::vector<bool> in_place;  // per operator: writes over its input
};

int64_t constant_bytes(const Schedule& schedule, ConstantRole role);

}  // namespace mcunet::compiler
