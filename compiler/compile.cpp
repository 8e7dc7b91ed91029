#include "compiler/compile.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "compiler/codegen/context.h"
#include "compiler/cost/kernel_costs.h"
#include "compiler/schedule/lower.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr int64_t kLibraryStack = 32;   // memcpy, memmove and memset of newlib push registers
constexpr int64_t kStackAlignment = 8;  // AAPCS

// More than the row counters on the stack and the context of any network of usual size take; what
// fits is decided by the exact account.
constexpr int64_t kMostCounterBytes = 64, kMostContextBytes = 64;

int64_t stack_bound(const KernelCosts& costs, int64_t kernel, int64_t counters) {
  const int64_t stack = costs.api_stack + counters + kernel + kLibraryStack;
  return (stack + kStackAlignment - 1) / kStackAlignment * kStackAlignment;
}

// What the arena may take so that all of it fits the board, whichever kernels are used.
int64_t arena_limit(const Board& board, const KernelCosts& costs) {
  if (board.is_host()) return std::numeric_limits<int64_t>::max();
  int64_t deepest = 0;
  for (const auto& [name, kernel] : costs.kernels) deepest = std::max(deepest, kernel.stack);
  return board.sram_bytes - stack_bound(costs, deepest, kMostCounterBytes) - kMostContextBytes;
}

SramAccount account_sram(const Schedule& schedule, const MemoryPlan& plan, int64_t lower_bound,
                         const KernelCosts& costs) {
  SramAccount sram;
  sram.arena = plan.arena;
  sram.lower_bound = lower_bound;
  if (plan.peak_time >= 1 && plan.peak_time <= static_cast<int>(schedule.runs.size())) {
    sram.peak_run = plan.peak_time - 1;
    sram.peak_op = static_cast<int>(schedule.runs[static_cast<size_t>(sram.peak_run)].first_op);
  }
  for (const Buffer& buffer : schedule.buffers) {
    if (buffer.scratch && buffer.first <= plan.peak_time && buffer.last >= plan.peak_time)
      sram.scratch += buffer.bytes;
  }
  sram.activations = sram.arena - sram.scratch;
  sram.statics = context_bytes(schedule);
  int64_t deepest = 0;
  for (const KernelCall& call : schedule.calls)
    deepest = std::max(deepest, costs.of(call.kernel).stack);
  sram.stack = stack_bound(costs, deepest, row_counter_bytes(schedule));
  return sram;
}

FlashAccount account_flash(const Schedule& schedule, const KernelCosts& costs) {
  FlashAccount flash;
  flash.weights = constant_bytes(schedule, ConstantRole::Weights);
  flash.constants = constant_bytes(schedule, ConstantRole::Table) + run_table_bytes(schedule);
  flash.code = costs.api_code + (schedule.input_rows ? costs.row_api_code : 0);
  for (const Run& run : schedule.runs) {
    if (run.kind == RunKind::Whole) continue;
    flash.code +=
        costs.run_code + costs.run_op_code * static_cast<int64_t>(run.end_op - run.first_op);
  }
  std::set<std::string> kernels;
  for (const KernelCall& call : schedule.calls) {
    kernels.insert(call.kernel);
    flash.code += costs.call_code;
    if (!call.params.empty()) flash.constants += costs.of(call.kernel).params;
  }
  for (const std::string& kernel : kernels) flash.code += costs.of(kernel).code;
  return flash;
}

}  // namespace

int64_t CompiledModel::offset(TensorId id) const {
  const Placement& place = schedule.placements.at(static_cast<size_t>(id));
  return plan.offsets.at(static_cast<size_t>(place.buffer)) + place.offset;
}

bool CompiledModel::writes_over_input(size_t op) const {
  const Op& writer = graph.ops[op];
  const auto span = [&](TensorId id) -> std::pair<int64_t, int64_t> {
    const int64_t begin = offset(id);
    return {begin, begin + static_cast<int64_t>(graph.tensor(id).byte_size())};
  };
  for (const TensorId in : writer.inputs) {
    const Placement& from = schedule.placements[static_cast<size_t>(in)];
    const Placement& to = schedule.placements[static_cast<size_t>(writer.outputs[0])];
    if (from.buffer < 0 || from.ring > 0 || to.ring > 0 || from.buffer == to.buffer) continue;
    const auto [a, a_end] = span(in);
    const auto [b, b_end] = span(writer.outputs[0]);
    if (a < b_end && b < a_end) return true;
  }
  return false;
}

std::string c_identifier(const std::string& text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name = "net_" + name;
  return name;
}

CompiledModel compile(const Graph& source, const std::string& sha256,
                      const CompileOptions& options) {
  // With no room at all the plan is the one of the least arena.
  const int64_t limit = options.objective == Objective::Sram
                            ? 0
                            : arena_limit(options.board, kernel_costs(options.board.core));
  return compile_planned(source, sha256, options, [&](const Graph& prepared) {
    return plan(prepared, {options.schedule, limit, options.input_rows, options.allow_recompute,
                           options.patch});
  });
}

CompiledModel compile_planned(const Graph& source, const std::string& sha256,
                              const CompileOptions& options,
                              const std::function<Plan(const Graph&)>& make_plan) {
  CompiledModel model;
  model.name = c_identifier(options.name);
  model.sha256 = sha256;
  model.options = options;
  model.source = move_conversions_out(source);
  model.reference = with_interface(model.source, options.passes);
  const Graph prepared = prepare(model.source, options.passes);
  require_supported_types(prepared);
  const KernelCosts costs = kernel_costs(options.board.core);
  Plan planned = make_plan(prepared);
  model.graph = std::move(planned.graph);
  model.schedule = std::move(planned.schedule);
  model.plan = std::move(planned.memory);
  model.overhead_cycles = planned.overhead;
  model.recomputed_macs = planned.recomputed_macs;
  const Schedule framed = model.schedule;
  lower_all(model.graph, model.schedule);
  model.flash = account_flash(model.schedule, costs);
  const std::set<std::string> unwanted = unwanted_kernels(model, costs);
  if (!unwanted.empty()) {
    model.schedule = framed;
    lower_all(model.graph, model.schedule, unwanted);
    model.flash = account_flash(model.schedule, costs);
  }
  if (options.postprocess == Postprocess::Yolo3)
    model.detection = plan_detection(model.graph, model.schedule, options.detection, model.plan);
  model.sram = account_sram(model.schedule, model.plan, planned.lower_bound, costs);
  if (model.detection) {
    model.sram.stack = std::max(model.sram.stack, kDetectionStack);
    model.flash.code += kDetectionCode;
    model.flash.constants += kDetectionTables;
  }
  return model;
}

}  // namespace mcunet::compiler
