// The body of NAME_invoke, run by run; and of NAME_row_done, which is the first run when the
// network's input comes row by row.
#pragma once

#include <string>

#include "compiler/compile.h"

namespace mcunet::compiler {

// "static const uint8_t net_run0_order[150] = {…};\n": what runs look up while they go on.
std::string run_tables(const CompiledModel& model);

// Statements that make all runs, without the one that the rows of the input drive. `kernels` is the
// prefix of the kernels.
std::string invoke_statements(const CompiledModel& model, const std::string& kernels);

// With row input: the statements that go on from one row of the input to where the next is needed.
// They work on `context`.
std::string row_statements(const CompiledModel& model, const std::string& kernels);

}  // namespace mcunet::compiler
