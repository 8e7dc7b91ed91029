#include "compiler/compile.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "compiler/cost/kernel_costs.h"
#include "compiler/schedule/layer.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/table.h"

namespace mcunet::compiler {
namespace {

constexpr int64_t kContextBytes = 4;    // one pointer on a 32-bit core
constexpr int64_t kLibraryStack = 32;   // memcpy, memmove and memset of newlib push registers
constexpr int64_t kStackAlignment = 8;  // AAPCS

MemoryPlan plan(const Schedule& schedule) {
  std::vector<BufferRequest> requests;
  for (const Buffer& buffer : schedule.buffers)
    requests.push_back({buffer.bytes, buffer.first, buffer.last});
  return plan_offsets(requests);
}

SramAccount account_sram(const Schedule& schedule, const MemoryPlan& plan, const Graph& graph,
                         const KernelCosts& costs) {
  SramAccount sram;
  sram.arena = plan.arena;
  sram.lower_bound = plan.lower_bound;
  sram.peak_op = plan.peak_time >= 1 && plan.peak_time <= static_cast<int>(graph.ops.size())
                     ? plan.peak_time - 1
                     : -1;
  for (const Buffer& buffer : schedule.buffers) {
    if (buffer.scratch && buffer.first <= plan.peak_time && buffer.last >= plan.peak_time)
      sram.scratch += buffer.bytes;
  }
  sram.activations = sram.arena - sram.scratch;
  sram.statics = kContextBytes;
  int64_t deepest = 0;
  for (const KernelCall& call : schedule.calls)
    deepest = std::max(deepest, costs.of(call.kernel).stack);
  const int64_t stack = costs.api_stack + deepest + kLibraryStack;
  sram.stack = (stack + kStackAlignment - 1) / kStackAlignment * kStackAlignment;
  return sram;
}

FlashAccount account_flash(const Schedule& schedule, const KernelCosts& costs) {
  FlashAccount flash;
  flash.weights = constant_bytes(schedule, ConstantRole::Weights);
  flash.constants = constant_bytes(schedule, ConstantRole::Table);
  flash.code = costs.api_code;
  std::set<std::string> kernels;
  for (const KernelCall& call : schedule.calls) {
    kernels.insert(call.kernel);
    flash.code += costs.call_code;
    if (!call.params.empty()) flash.constants += costs.of(call.kernel).params;
  }
  for (const std::string& kernel : kernels) flash.code += costs.of(kernel).code;
  return flash;
}

std::string excess(const char* what, int64_t needed, int64_t available, const std::string& board) {
  return std::string(what) + " " + group_digits(needed) + " B > " + group_digits(available) +
         " B (" + board + ") by " + group_digits(needed - available) + " B";
}

}  // namespace

int64_t CompiledModel::offset(TensorId id) const {
  const Placement& place = schedule.placements.at(static_cast<size_t>(id));
  return plan.offsets.at(static_cast<size_t>(place.buffer)) + place.offset;
}

std::string c_identifier(const std::string& text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name = "net_" + name;
  return name;
}

CompiledModel compile(const Graph& source, const std::string& sha256,
                      const CompileOptions& options) {
  CompiledModel model;
  model.name = c_identifier(options.name);
  model.sha256 = sha256;
  model.options = options;
  model.source = move_conversions_out(source);
  model.reference = with_interface(model.source, options.passes);
  model.graph = prepare(model.source, options.passes);
  model.schedule = schedule_layers(model.graph);
  model.plan = plan(model.schedule);
  const KernelCosts costs = kernel_costs(options.board.core);
  model.sram = account_sram(model.schedule, model.plan, model.graph, costs);
  model.flash = account_flash(model.schedule, costs);
  return model;
}

void require_fit(const CompiledModel& model, bool with_code) {
  const Board& board = model.options.board;
  if (board.is_host()) return;
  std::vector<std::string> problems;
  if (model.sram.total() > board.sram_bytes) {
    std::string text = excess("SRAM", model.sram.total(), board.sram_bytes, board.name);
    if (model.sram.peak_op >= 0) {
      const Op& op = model.graph.ops[static_cast<size_t>(model.sram.peak_op)];
      text += "; peak at " + describe(op) + " " + to_string(model.graph.input(op, 0).shape) +
              " to " + to_string(model.graph.output(op).shape);
    }
    text += "\n  tried: layer " + group_digits(model.sram.total()) + " (arena " +
            group_digits(model.sram.arena) + ", no plan of this schedule needs less than " +
            group_digits(model.sram.lower_bound) + ")";
    text += "\n  help: a smaller input or fewer channels; --sram " +
            std::to_string((model.sram.total() + model.options.reserved_sram + 1023) / 1024) +
            "k lifts the limit to see the rest";
    problems.push_back(std::move(text));
  }
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
