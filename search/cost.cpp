#include "search/cost.h"

#include <algorithm>

#include "compiler/fit.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/build.h"

namespace mcunet::search {
namespace {

// Weights are a byte each, and there is always some code: beyond this nothing needs to be planned.
constexpr double kHopeless = 1.25;

Cost planned_cost(const Graph& graph, const compiler::CompileOptions& options) {
  const compiler::CompiledModel model = compiler::compile(graph, "", options);
  Cost cost;
  cost.macs = total_macs(graph);
  cost.params = total_parameters(graph);
  cost.sram = model.sram.total();
  cost.flash = model.flash.total();
  cost.cycles = compiler::estimated_cycles(model);
  cost.ms = options.board.is_host() ? 0
                                    : static_cast<double>(cost.cycles) * 1e3 /
                                          static_cast<double>(options.board.clock_hz);
  cost.schedule = model.schedule.kind;
  return cost;
}

double share_above(double value, double limit) { return limit > 0 ? value / limit - 1 : 0; }

}  // namespace

double Excess::worst() const { return std::max({sram, flash, latency, 0.0}); }

CostModel::CostModel(compiler::CompileOptions options, Limits limits, double board_factor)
    : options_(std::move(options)), limits_(limits), board_factor_(board_factor) {
  options_.name = "candidate";
}

Cost CostModel::compute(const netspec::NetworkDescription& network) const {
  // Shapes first: most networks that are far too large are seen by their weights alone.
  netspec::BuildOptions placeholders;
  placeholders.weights = netspec::Weights::None{};
  const Graph shapes = netspec::build_graph(network, placeholders);
  Cost cost;
  cost.macs = total_macs(shapes);
  cost.params = total_parameters(shapes);
  cost.flash = cost.params;
  cost.hopeless = limits_.flash > 0 &&
                  static_cast<double>(cost.params) > kHopeless * static_cast<double>(limits_.flash);
  if (cost.hopeless) return cost;
  // The weights that `compile` gives a description: the account is that of the same C.
  cost = planned_cost(netspec::build_graph(network), options_);
  cost.ms *= board_factor_;
  return cost;
}

Cost CostModel::cost(const Space& space, const Genome& genome) const {
  const std::string key = encode(space, genome);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
  }
  const Cost cost = compute(describe(space, genome));
  const std::lock_guard<std::mutex> lock(mutex_);
  return known_.emplace(key, cost).first->second;
}

size_t CostModel::evaluated() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return known_.size();
}

Excess CostModel::excess(const Cost& cost) const {
  Excess excess;
  excess.flash = share_above(static_cast<double>(cost.flash), static_cast<double>(limits_.flash));
  if (cost.hopeless) return excess;
  excess.sram = share_above(static_cast<double>(cost.sram), static_cast<double>(limits_.sram));
  excess.latency = share_above(cost.ms, limits_.latency_ms);
  return excess;
}

}  // namespace mcunet::search
