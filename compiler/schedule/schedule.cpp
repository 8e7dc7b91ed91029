#include "compiler/schedule/schedule.h"

#include <stdexcept>

namespace mcunet::compiler {

const char* c_name(CType type) {
  switch (type) {
    case CType::Int8:
      return "int8_t";
    case CType::UInt16:
      return "uint16_t";
    case CType::Int32:
      return "int32_t";
  }
  return "?";
}

size_t c_size(CType type) {
  switch (type) {
    case CType::Int8:
      return 1;
    case CType::UInt16:
      return 2;
    case CType::Int32:
      return 4;
  }
  return 1;
}

int64_t constant_bytes(const Schedule& schedule, ConstantRole role) {
  int64_t total = 0;
  for (const Constant& constant : schedule.constants) {
    if (constant.role == role) total += static_cast<int64_t>(constant.bytes.size());
  }
  return total;
}

const Run& Schedule::run_of(size_t op) const {
  for (const Run& run : runs) {
    if (op >= run.first_op && op < run.end_op) return run;
  }
  throw std::out_of_range("no run has operator " + std::to_string(op));
}

namespace {

void append_calls(const Schedule& schedule, const Run& run, size_t op, int32_t column,
                  std::vector<int>& executed) {
  for (size_t call = run.first_call; call < run.end_call; ++call) {
    if (schedule.calls[call].op == op && schedule.calls[call].column == column)
      executed.push_back(static_cast<int>(call));
  }
}

}  // namespace

std::vector<int> executed_calls(const Schedule& schedule) {
  std::vector<int> executed;
  for (const Run& run : schedule.runs) {
    switch (run.kind) {
      case RunKind::Whole:
        append_calls(schedule, run, run.first_op, 0, executed);
        break;
      case RunKind::Rows:
        for (const uint8_t step : run.order) {
          if (step == kInputRow) {
            executed.push_back(-1);
          } else {
            append_calls(schedule, run, run.first_op + step, 0, executed);
          }
        }
        break;
      case RunKind::Patches:
        for (const std::vector<RowRange>& rows : run.patch_rows) {
          for (int32_t column = 0; column < run.patch_columns; ++column) {
            for (size_t i = 0; i < rows.size(); ++i) {
              for (int32_t row = rows[i].first; row < rows[i].end; ++row)
                append_calls(schedule, run, run.first_op + i, column, executed);
            }
          }
        }
        break;
    }
  }
  return executed;
}

std::vector<int64_t> executions_per_call(const Schedule& schedule) {
  std::vector<int64_t> executions(schedule.calls.size(), 0);
  for (const int call : executed_calls(schedule)) {
    if (call >= 0) ++executions[static_cast<size_t>(call)];
  }
  return executions;
}

}  // namespace mcunet::compiler
