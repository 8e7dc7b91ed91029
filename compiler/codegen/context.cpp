#include "compiler/codegen/context.h"

#include <algorithm>

#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr int64_t kPointer = 4;  // bytes, on a 32-bit core
constexpr CounterType kShort{"uint16_t", 2}, kLong{"uint32_t", 4}, kLongRow{"int32_t", 4};
constexpr int64_t kShortLimit = UINT16_MAX;

bool has_calls(const Schedule& schedule, const Run& run, size_t op) {
  for (size_t call = run.first_call; call < run.end_call; ++call) {
    if (schedule.calls[call].op == op) return true;
  }
  return false;
}

// The order without steps of operators that have no calls.
std::vector<uint8_t> working_steps(const Schedule& schedule, const Run& run) {
  std::vector<bool> works(run.end_op - run.first_op);
  for (size_t i = 0; i < works.size(); ++i) works[i] = has_calls(schedule, run, run.first_op + i);
  std::vector<uint8_t> order;
  for (const uint8_t step : run.order) {
    if (step == kInputRow || works.at(step)) order.push_back(step);
  }
  return order;
}

}  // namespace

StepOrder emitted_order(const Schedule& schedule, const Run& run) {
  return fold_order(working_steps(schedule, run));
}

CounterType counter_type(const Run& run) {
  int64_t most = static_cast<int64_t>(run.order.size());
  for (const int32_t rows : run.rows) most = std::max<int64_t>(most, rows);
  return most <= kShortLimit ? kShort : kLong;
}

CounterType patch_row_type(const Run& run) {
  int64_t most = 0;
  for (const std::vector<RowRange>& row : run.patch_rows) {
    for (const RowRange& range : row) most = std::max<int64_t>(most, range.end);
  }
  return most <= kShortLimit ? kShort : kLongRow;
}

bool is_one_loop(const Schedule& schedule, const Run& run) {
  if (run.kind != RunKind::Rows) return false;
  const std::vector<uint8_t> steps = working_steps(schedule, run);
  return std::all_of(steps.begin(), steps.end(),
                     [&](uint8_t step) { return step == steps[0] && step != kInputRow; });
}

const Run& input_run(const Schedule& schedule) {
  const bool sound = schedule.input_rows && !schedule.runs.empty() &&
                     schedule.runs[0].kind == RunKind::Rows && !schedule.runs[0].bottom_up &&
                     !schedule.runs[0].order.empty() && schedule.runs[0].order[0] == kInputRow;
  if (!sound)
    throw Error(ErrorKind::Internal, "the first run does not begin with a row of the input");
  return schedule.runs[0];
}

size_t input_row_count(const Schedule& schedule) {
  const std::vector<uint8_t>& order = input_run(schedule).order;
  return static_cast<size_t>(std::count(order.begin(), order.end(), kInputRow));
}

int64_t context_bytes(const Schedule& schedule) {
  if (!schedule.input_rows) return kPointer;
  const Run& run = input_run(schedule);
  // The step, the rows of the input, the rows of each operator, and how often to repeat.
  const int64_t counters = 2 + static_cast<int64_t>(run.end_op - run.first_op) +
                           (emitted_order(schedule, run).repeats() ? 1 : 0);
  const int64_t bytes = counters * counter_type(run).bytes;
  return kPointer + (bytes + kPointer - 1) / kPointer * kPointer;
}

int64_t run_table_bytes(const Schedule& schedule) {
  int64_t bytes = 0;
  for (const Run& run : schedule.runs) {
    if (run.kind == RunKind::Rows && !is_one_loop(schedule, run))
      bytes += static_cast<int64_t>(emitted_order(schedule, run).steps.size());
    if (run.kind == RunKind::Patches) {
      bytes += static_cast<int64_t>(run.patch_rows.size() * (run.end_op - run.first_op) * 2) *
               patch_row_type(run).bytes;
    }
  }
  return bytes;
}

int64_t row_counter_bytes(const Schedule& schedule) {
  int64_t most = 0;
  for (size_t i = 0; i < schedule.runs.size(); ++i) {
    const Run& run = schedule.runs[i];
    const bool in_context = i == 0 && schedule.input_rows;
    if (run.kind != RunKind::Rows || in_context || is_one_loop(schedule, run)) continue;
    most =
        std::max(most, static_cast<int64_t>(run.end_op - run.first_op) * counter_type(run).bytes);
  }
  return (most + 7) / 8 * 8;
}

}  // namespace mcunet::compiler
