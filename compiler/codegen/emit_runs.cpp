#include "compiler/codegen/emit_runs.h"

#include <algorithm>

#include "compiler/codegen/c_text.h"
#include "compiler/codegen/context.h"
#include "libmcunet/graph/operators.h"

namespace mcunet::compiler {
namespace {

std::string number(int64_t value) { return std::to_string(value); }
std::string number(size_t value) { return std::to_string(value); }

class RunEmitter {
 public:
  RunEmitter(const CompiledModel& model, const std::string& kernels, size_t index)
      : model_(model),
        schedule_(model.schedule),
        kernels_(kernels),
        index_(index),
        run_(model.schedule.runs[index]) {}

  std::string tables() const {
    if (run_.kind == RunKind::Rows && !is_one_loop(schedule_, run_)) return order_table();
    if (run_.kind == RunKind::Patches) return patch_table();
    return "";
  }

  std::string statements() const {
    if (run_.first_call == run_.end_call) return "";
    switch (run_.kind) {
      case RunKind::Whole:
        return whole();
      case RunKind::Rows:
        return is_one_loop(schedule_, run_) ? one_loop() : turns();
      case RunKind::Patches:
        return patches();
    }
    return "";
  }

  // As turns(), but what has been done so far is in the context, and rows of the input interrupt.
  std::string input_turns() const {
    const StepOrder order = emitted_order(schedule_, run_);
    const std::string table = table_name("order");
    std::string out =
        "  size_t step = context->step; /* of the row that has come */\n  for (;;) {\n";
    if (order.repeats()) {
      out += "    if (step == " + number(order.last) + "u && context->repeats != 0u) {\n" +
             "      context->repeats--;\n      step = " + number(order.first) +
             "u;\n    } else {\n      step++;\n    }\n";
    } else {
      out += "    step++;\n";
    }
    out += "    if (step == " + number(order.steps.size()) + "u || " + table +
           "[step] == " + number(int64_t{kInputRow}) + "u) break;\n    switch (" + table +
           "[step]) {\n" + cases("context->made", "    ") + "    }\n  }\n  context->step = (" +
           counter_type(run_).name + ")step;\n";
    return out;
  }

 private:
  size_t ops() const { return run_.end_op - run_.first_op; }
  std::string table_name(const std::string& what) const {
    return model_.name + "_run" + number(index_) + "_" + what;
  }
  std::string op_text(size_t op) const {
    const Op& source = model_.graph.ops[op];
    return source.source_index >= 0 ? describe(source) : operator_info(source.kind).name;
  }
  std::string op_comment(size_t op) const {
    const Op& source = model_.graph.ops[op];
    return "/* " + op_text(op) + " " + to_string(model_.graph.input(source, 0).shape) + " to " +
           to_string(model_.graph.output(source).shape) + " */\n";
  }
  std::string run_comment(const std::string& how) const {
    std::string text = "run " + number(index_) + ": " + op_text(run_.first_op);
    if (ops() > 1) text += " to " + op_text(run_.end_op - 1);
    return "/* " + text + ", " + how + " */\n";
  }
  const char* direction() const {
    return run_.bottom_up ? "from the bottom up" : "from the top down";
  }
  std::string layer_done(size_t op) const {
    return upper(model_.name) + "_LAYER_DONE(" + number(op) + ");\n";
  }

  // The calls of an operator in one column; nothing if it has none there.
  std::string calls(size_t op, int32_t column, const std::string& indent,
                    const RowPlace& place) const {
    std::string out;
    for (size_t i = run_.first_call; i < run_.end_call; ++i) {
      const KernelCall& call = schedule_.calls[i];
      if (call.op != op || call.column != column) continue;
      out +=
          indent + call_statement(model_.name, kernels_, schedule_, i, model_.plan.offsets, place);
    }
    return out;
  }

  std::string whole() const {
    const size_t op = run_.first_op;
    return "  " + op_comment(op) + calls(op, 0, "  ", {}) + "  " + layer_done(op);
  }

  std::string one_loop() const {
    const size_t op = run_.first_op + emitted_order(schedule_, run_).steps[0];
    const int32_t rows = run_.rows[op - run_.first_op];
    if (rows == 1) return "  " + op_comment(op) + calls(op, 0, "  ", {}) + "  " + layer_done(op);
    const std::string loop = run_.bottom_up
                                 ? "int32_t y = " + number(int64_t{rows} - 1) + "; y >= 0; y--"
                                 : "int32_t y = 0; y < " + number(int64_t{rows}) + "; y++";
    return "  " + op_comment(op) + "  for (" + loop + ") {\n" + calls(op, 0, "    ", {"y"}) +
           "  }\n  " + layer_done(op);
  }

  std::string turns() const {
    const StepOrder order = emitted_order(schedule_, run_);
    std::string zeros;
    for (size_t i = 0; i < ops(); ++i) zeros += i == 0 ? "0" : ", 0";
    std::string out = "  { " + run_comment("row by row, " + std::string(direction())) + "    " +
                      counter_type(run_).name + " made[" + number(ops()) + "] = {" + zeros +
                      "}; /* rows of each */\n";
    if (order.repeats()) {
      out += "    size_t repeats = " + number(order.times - 1) + "; /* of steps " +
             number(order.first) + " to " + number(order.last) + " */\n";
    }
    out += "    for (size_t step = 0; step < " + number(order.steps.size()) + "u; step++) {\n" +
           "      switch (" + table_name("order") + "[step]) {\n" + cases("made", "      ") +
           "      }\n";
    if (order.repeats()) {
      // The loop adds one; modulo the range of size_t that also holds for a period from step 0 on.
      out += "      if (step == " + number(order.last) + "u && repeats != 0u) {\n" +
             "        repeats--;\n        step -= " + number(order.last - order.first + 1) +
             "u;\n      }\n";
    }
    return out + "    }\n  }\n";
  }

  // "case 2: { /* CONV_2D … */ … }" per operator of the run.
  std::string cases(const std::string& counters, const std::string& margin) const {
    std::string out;
    for (size_t i = 0; i < ops(); ++i) {
      const size_t op = run_.first_op + i;
      const int32_t rows = run_.rows[i];
      const std::string indent = margin + "    ";
      if (rows == 1) {
        const std::string text = calls(op, 0, indent, {});
        if (text.empty()) continue;
        out += margin + "  case " + number(i) + ": " + op_comment(op) + text + indent +
               layer_done(op) + indent + "break;\n";
        continue;
      }
      const std::string text = calls(op, 0, indent, {"y"});
      if (text.empty()) continue;
      const std::string count =
          (counter_type(run_).bytes == 2 ? "" : "(int32_t)") + counters + "[" + number(i) + "]++";
      // Rows that nobody reads are not made.
      const auto made = std::count(run_.order.begin(), run_.order.end(), static_cast<uint8_t>(i));
      const std::string top = number(int64_t{rows} - 1);
      const std::string last = number(run_.bottom_up ? rows - made : made - 1);
      out += margin + "  case " + number(i) + ": { " + op_comment(op) + indent +
             "const int32_t y = " + (run_.bottom_up ? top + " - " + count : count) + ";\n" + text +
             indent + "if (y == " + last + ") " + layer_done(op) + indent + "break;\n" + margin +
             "  }\n";
    }
    return out + margin + "  default: break;\n";
  }

  std::string patches() const {
    const std::string grid =
        number(run_.patch_rows.size()) + " x " + number(int64_t{run_.patch_columns});
    std::string out = "  { " + run_comment("patch by patch, " + grid) +
                      "    for (size_t patch = 0; patch < " + number(run_.patch_rows.size()) +
                      "u; patch++) {\n      const " + patch_row_type(run_).name +
                      "(*const rows)[2] = " + table_name("rows") + "[patch];\n";
    for (int32_t column = 0; column < run_.patch_columns; ++column) {
      out += "      /* column " + number(int64_t{column}) + " */\n";
      for (size_t i = 0; i < ops(); ++i) {
        const size_t op = run_.first_op + i;
        const std::string text = calls(op, column, "        ", {"y"});
        if (text.empty()) continue;
        const std::string range = "rows[" + number(i) + "]";
        out += "      for (int32_t y = " + range + "[0]; y < " + range + "[1]; y++) { " +
               op_comment(op) + text + "      }\n";
        if (column + 1 == run_.patch_columns) {
          out +=
              "      if (patch == " + number(run_.patch_rows.size() - 1) + "u) " + layer_done(op);
        }
      }
    }
    return out + "    }\n  }\n";
  }

  std::string order_table() const {
    const StepOrder order = emitted_order(schedule_, run_);
    std::string comment = "/* Whose row is next in run " + number(index_);
    if (order.repeats()) {
      comment += "; steps " + number(order.first) + " to " + number(order.last) + " are made " +
                 number(order.times) + " times";
    }
    return comment + ". */\nstatic const uint8_t " + table_name("order") + "[" +
           number(order.steps.size()) +
           "] = " + number_list({order.steps.begin(), order.steps.end()}) + ";\n";
  }

  std::string patch_table() const {
    std::string out = "/* Rows of each operator in each row of patches of run " + number(index_) +
                      ": the first, and one behind the last. */\nstatic const " +
                      patch_row_type(run_).name + " " + table_name("rows") + "[" +
                      number(run_.patch_rows.size()) + "][" + number(ops()) + "][2] = {\n";
    for (const std::vector<RowRange>& rows : run_.patch_rows) {
      out += "  {";
      for (size_t i = 0; i < rows.size(); ++i) {
        out += (i == 0 ? "{" : ", {") + number(int64_t{rows[i].first}) + ", " +
               number(int64_t{rows[i].end}) + "}";
      }
      out += "},\n";
    }
    return out + "};\n";
  }

  const CompiledModel& model_;
  const Schedule& schedule_;
  const std::string& kernels_;
  size_t index_;
  const Run& run_;
};

constexpr const char* kArena = "  int8_t *const arena = context->arena;\n";

}  // namespace

std::string run_tables(const CompiledModel& model) {
  std::string out;
  for (size_t i = 0; i < model.schedule.runs.size(); ++i)
    out += RunEmitter(model, model.name, i).tables();
  return out;
}

std::string invoke_statements(const CompiledModel& model, const std::string& kernels) {
  std::string out;
  for (size_t i = model.schedule.input_rows ? 1 : 0; i < model.schedule.runs.size(); ++i)
    out += RunEmitter(model, kernels, i).statements();
  return out.empty() ? out : kArena + out;
}

std::string row_statements(const CompiledModel& model, const std::string& kernels) {
  return kArena + RunEmitter(model, kernels, 0).input_turns();
}

}  // namespace mcunet::compiler
