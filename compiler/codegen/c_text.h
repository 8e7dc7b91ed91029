// Pieces of C: numbers, arrays, parameter structs, calls.
#pragma once

#include <string>

#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

std::string upper(const std::string& text);
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
// "  net_conv(arena + 0, …, &net_call3);\n"; `offsets` are the buffers' places in the arena.
std::string call_statement(const std::string& prefix, const std::string& kernels,
                           const Schedule& schedule, size_t call,
                           const std::vector<int64_t>& offsets);

}  // namespace mcunet::compiler
