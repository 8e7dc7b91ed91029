// Pieces of C: numbers, arrays, parameter structs, calls.
#pragma once

#include <string>
#include <vector>

#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

std::string upper(const std::string& text);
std::string c_type(DType dtype);                // of the generated API: float, int8_t, uint8_t
std::string c_float(float value);               // "0.00787401572f": reads back as the same float
std::string c_string(const std::string& text);  // quoted and escaped, ASCII

// "const int8_t net_op0_weights[432]"
std::string declaration(const std::string& prefix, const Constant& constant);
// "{\n  1, 2, …\n}"
std::string initializer(const Constant& constant);

// "static const net_conv_params net_call3 = {…};\n", or nothing for a call without parameters.
// `kernels` is the prefix of the kernels' types.
std::string params_definition(const std::string& prefix, const std::string& kernels,
                              const Schedule& schedule, size_t call);
// "{\n  1, 2, …\n}", in lines of a readable length.
std::string number_list(const std::vector<int64_t>& values);

// Which rows a call computes: all of them, or the one in a C variable.
struct RowPlace {
  std::string row;  // empty: all
};

// "net_conv(arena + 4224 + y % 3 * 1408, …, &net_call3, y, 1);\n"; `offsets` are the buffers'
// places in the arena.
std::string call_statement(const std::string& prefix, const std::string& kernels,
                           const Schedule& schedule, size_t call,
                           const std::vector<int64_t>& offsets, const RowPlace& place);

}  // namespace mcunet::compiler
