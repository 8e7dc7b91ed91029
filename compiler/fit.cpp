#include "compiler/fit.h"

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

int64_t estimated_cycles(const CompiledModel& model) {
  int64_t cycles = model.overhead_cycles;
  for (const Op& op : model.graph.ops)
    cycles += estimated_cycles(model.graph, op, model.options.board.core);
  return cycles;
}

std::vector<Alternative> alternatives(const CompiledModel& model) {
  std::vector<Alternative> found;
  for (const Kind& kind : kKinds) {
    if (model.options.input_rows && kind.kind != ScheduleKind::Stream) continue;
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
