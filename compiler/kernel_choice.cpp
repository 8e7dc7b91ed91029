#include "compiler/kernel_choice.h"

#include <map>
#include <vector>

#include "compiler/compile.h"
#include "compiler/cost/cycles.h"
#include "compiler/fit.h"

namespace mcunet::compiler {
namespace {

// Balanced: what one KiB of code must save, as a part of all cycles.
constexpr double kWorthPerKib = 0.005;

struct Substitute {
  const char* kernel;
  const char* general;  // takes every shape that `kernel` takes
};
constexpr Substitute kSubstitutes[] = {
    {"conv_1x1", "conv_1x1_any"},
    {"conv_bounded", "conv"},
    {"depthwise_3x3", "depthwise"},
    {"depthwise_5x5", "depthwise"},
    {"depthwise_7x7", "depthwise"},
    {"depthwise_3x3_s2", "depthwise"},
    {"depthwise_5x5_s2", "depthwise"},
    {"depthwise_7x7_s2", "depthwise"},
    {"depthwise_3x3_s2_single", "depthwise"},
};

// What going without a kernel changes, beside the code.
struct Candidate {
  const Substitute* substitute;
  double more_cycles;
};

struct Outcome {
  double cycles = 0;
  int64_t flash = 0;
};

bool better(const Outcome& a, const Outcome& b, const CompileOptions& options, double all_cycles) {
  const bool a_fits = options.board.is_host() || a.flash <= options.board.flash_bytes;
  const bool b_fits = options.board.is_host() || b.flash <= options.board.flash_bytes;
  if (a_fits != b_fits) return a_fits;
  if (options.objective == Objective::Flash)
    return a.flash != b.flash ? a.flash < b.flash : a.cycles < b.cycles;
  if (options.objective == Objective::Latency)
    return a.cycles != b.cycles ? a.cycles < b.cycles : a.flash < b.flash;
  const auto price = [&](const Outcome& outcome) {
    return outcome.cycles + kWorthPerKib * all_cycles * static_cast<double>(outcome.flash) / 1024;
  };
  return price(a) < price(b);
}

}  // namespace

std::set<std::string> unwanted_kernels(const CompiledModel& model, const KernelCosts& costs) {
  std::map<std::string, std::map<size_t, int64_t>> uses;  // kernel → operator → calls
  const std::vector<int64_t> executions = executions_per_call(model.schedule);
  for (size_t i = 0; i < executions.size(); ++i)
    uses[model.schedule.calls[i].kernel][model.schedule.calls[i].op] += executions[i];
  const std::string& core = model.options.board.core;
  std::vector<Candidate> candidates;
  for (const Substitute& substitute : kSubstitutes) {
    const auto found = uses.find(substitute.kernel);
    if (found == uses.end()) continue;
    double more = 0;
    for (const auto& [op, calls] : found->second) {
      const auto cycles = [&, op = op, calls = calls](const char* kernel) {
        return kernel_cycles(kernel_work(model.graph, model.graph.ops[op], kernel, calls), core);
      };
      more += cycles(substitute.general) - cycles(substitute.kernel);
    }
    candidates.push_back({&substitute, more});
  }
  const auto all_cycles = static_cast<double>(estimated_cycles(model));
  size_t best = 0;
  Outcome best_outcome{all_cycles, model.flash.total()};
  for (size_t set = 1; set < size_t{1} << candidates.size(); ++set) {
    Outcome outcome{all_cycles, model.flash.total()};
    std::set<std::string> added;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      const Substitute& substitute = *candidates[i].substitute;
      outcome.cycles += candidates[i].more_cycles;
      outcome.flash -= costs.of(substitute.kernel).code;
      if (uses.count(substitute.general) == 0 && added.insert(substitute.general).second)
        outcome.flash += costs.of(substitute.general).code;
    }
    if (better(outcome, best_outcome, model.options, all_cycles)) {
      best = set;
      best_outcome = outcome;
    }
  }
  std::set<std::string> unwanted;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if ((best >> i & 1) != 0) unwanted.insert(candidates[i].substitute->kernel);
  }
  return unwanted;
}

}  // namespace mcunet::compiler
