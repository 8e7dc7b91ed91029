#include "compiler/fit.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "compiler/cost/cycles.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/table.h"

namespace mcunet::compiler {
namespace {

struct Kind {
  ScheduleKind kind;
  const char* name;
};
constexpr Kind kKinds[] = {{ScheduleKind::Layer, "layer"},
                           {ScheduleKind::Patch, "patch"},
                           {ScheduleKind::Stream, "stream"}};

std::string excess(const char* what, int64_t needed, int64_t available, const std::string& board) {
  return std::string(what) + " " + group_digits(needed) + " B > " + group_digits(available) +
         " B (" + board + ") by " + group_digits(needed - available) + " B";
}

std::string peak(const CompiledModel& model) {
  if (model.sram.peak_run < 0) return "";
  const Run& run = model.schedule.runs[static_cast<size_t>(model.sram.peak_run)];
  const Op& first = model.graph.ops[run.first_op];
  const Op& last = model.graph.ops[run.end_op - 1];
  return "; peak at " + describe(first) +
         (run.end_op - run.first_op > 1 ? " to " + describe(last) : "") + " " +
         to_string(model.graph.input(first, 0).shape) + " to " +
         to_string(model.graph.output(last).shape);
}

std::string sram_problem(const CompiledModel& model) {
  const Board& board = model.options.board;
  std::string text = excess("SRAM", model.sram.total(), board.sram_bytes, board.name) + peak(model);
  text += "\n  tried:";
  int64_t least = model.sram.total();
  const char* separator = " ";
  for (const Alternative& other : alternatives(model)) {
    text += separator + other.name + " " + group_digits(other.sram.total());
    least = std::min(least, other.sram.total());
    separator = " · ";
  }
  text += "; no schedule of this kind needs an arena below " + group_digits(model.sram.lower_bound);
  text += "\n  help: ";
  if (least <= board.sram_bytes) text += "--schedule auto; ";
  const ScheduleKind kind = model.options.schedule;
  if (!model.schedule.input_rows && (kind == ScheduleKind::Auto || kind == ScheduleKind::Stream))
    text += "--input rows; ";
  text += "a smaller input or fewer channels; --sram " +
          std::to_string((model.sram.total() + model.options.reserved_sram + 1023) / 1024) +
          "k lifts the limit to see the rest";
  return text;
}

}  // namespace

std::vector<int64_t> estimated_cycles_per_layer(const CompiledModel& model) {
  const Schedule& schedule = model.schedule;
  const std::vector<int64_t> executions = executions_per_call(schedule);
  std::vector<std::map<std::string, int64_t>> calls(model.graph.ops.size());
  for (size_t i = 0; i < executions.size(); ++i)
    calls[schedule.calls[i].op][schedule.calls[i].kernel] += executions[i];
  std::vector<int64_t> layers;
  for (size_t op = 0; op < calls.size(); ++op) {
    // What patches add is in overhead_cycles.
    const bool patches = schedule.run_of(op).kind == RunKind::Patches;
    double cycles = 0;
    for (const auto& [kernel, count] : calls[op]) {
      cycles +=
          kernel_cycles(kernel_work(model.graph, model.graph.ops[op], kernel, patches ? 1 : count),
                        model.options.board.core);
    }
    layers.push_back(static_cast<int64_t>(cycles));
  }
  return layers;
}

int64_t estimated_cycles(const CompiledModel& model) {
  const std::vector<int64_t> layers = estimated_cycles_per_layer(model);
  const bool patches = std::any_of(model.schedule.runs.begin(), model.schedule.runs.end(),
                                   [](const Run& run) { return run.kind == RunKind::Patches; });
  return std::accumulate(layers.begin(), layers.end(),
                         patches ? model.overhead_cycles : int64_t{0});
}

std::vector<Alternative> alternatives(const CompiledModel& model) {
  std::vector<Alternative> found;
  for (const Kind& kind : kKinds) {
    if (model.options.input_rows && kind.kind != ScheduleKind::Stream) continue;
    if (kind.kind == model.options.schedule) {  // the model itself
      found.push_back({kind.name, model.sram, estimated_cycles(model), model.recomputed_macs});
      continue;
    }
    CompileOptions options = model.options;
    options.schedule = kind.kind;
    try {
      const CompiledModel other = compile(model.source, model.sha256, options);
      found.push_back({kind.name, other.sram, estimated_cycles(other), other.recomputed_macs});
    } catch (const Error& error) {
      // Not every network begins with operators that can work on patches.
      if (error.kind() != ErrorKind::Unsupported && error.kind() != ErrorKind::Usage) throw;
    }
  }
  return found;
}

void require_fit(const CompiledModel& model, bool with_code) {
  const Board& board = model.options.board;
  if (board.is_host()) return;
  std::vector<std::string> problems;
  if (model.sram.total() > board.sram_bytes) problems.push_back(sram_problem(model));
  const int64_t flash = model.flash.total() - (with_code ? 0 : model.flash.code);
  if (flash > board.flash_bytes) {
    problems.push_back(
        excess("flash", flash, board.flash_bytes, board.name) + "\n  of it weights " +
        group_digits(model.flash.weights) +
        "\n  help: a board with more flash, or external flash; --flash " +
        std::to_string((model.flash.total() + model.options.reserved_flash + 1023) / 1024) +
        "k lifts the limit to see the rest");
  }
  if (!problems.empty()) throw Error(ErrorKind::DoesNotFit, std::move(problems));
}

}  // namespace mcunet::compiler
