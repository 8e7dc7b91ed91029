// What the compiled network keeps beside the arena: the caller's NAME_context. It is a pointer, and
// with row input (Schedule::input_rows) also where the image stands.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/codegen/step_order.h"
#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

// sizeof(NAME_context) on a 32-bit core; the generated C asserts it.
int64_t context_bytes(const Schedule& schedule);

// Bytes of flash of the orders and of the rows of patches: constants that belong to no kernel.
int64_t run_table_bytes(const Schedule& schedule);

// Bytes on the stack of NAME_invoke for the rows that the operators of a run have made: those of
// the run with most.
int64_t row_counter_bytes(const Schedule& schedule);

// The order of a run of rows, without steps of operators that have nothing to do (RESHAPE).
StepOrder emitted_order(const Schedule& schedule, const Run& run);

// The C type of the run's counters and how wide it is: what its rows and steps fit in.
struct CounterType {
  const char* name;
  int64_t bytes;
};
CounterType counter_type(const Run& run);
// That of a table of rows of patches.
CounterType patch_row_type(const Run& run);

// Whether a run of rows is a plain loop over the rows of one operator: it needs no order.
bool is_one_loop(const Schedule& schedule, const Run& run);

// Rows of the network's input, and its run; only with Schedule::input_rows.
size_t input_row_count(const Schedule& schedule);
const Run& input_run(const Schedule& schedule);

}  // namespace mcunet::compiler
