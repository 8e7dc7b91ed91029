#include "tests/support/random_partition.h"

#include <algorithm>

#include "compiler/passes/reorder.h"

namespace mcunet::testing {

using compiler::Partition;
using compiler::Plan;
using compiler::RowGraph;
using compiler::RunKind;
using compiler::RunSpec;

std::optional<Partition> random_partition(const RowGraph& graph, SplitMix64& random,
                                          bool input_rows) {
  const int ops = static_cast<int>(graph.ops.size());
  Partition partition;
  compiler::RunSimulator simulator(graph);
  const double cuts = random.unit();  // few long runs in some partitions, many in others
  for (int first = 0; first < ops;) {
    RunSpec run;
    run.first = first;
    run.end = first + 1;
    run.kind = RunKind::Rows;
    run.input_rows = input_rows && first == 0;
    if (run.input_rows) run.end = std::max(run.end, graph.storages.front().last_use + 1);
    if (run.end > ops) return std::nullopt;  // the input is an output as well
    while (run.end < ops && !random.chance(cuts)) {
      RunSpec longer = run;
      ++longer.end;
      if (!can_run(graph, longer)) break;
      run = longer;
    }
    const bool by_rows = can_run(graph, run);
    if (run.input_rows && !by_rows) return std::nullopt;
    if (!by_rows || (run.ops() == 1 && !run.input_rows && random.chance(0.5)))
      run.kind = RunKind::Whole;
    run.bottom_up = run.kind == RunKind::Rows && !run.input_rows && random.chance(0.4);
    partition.bytes = std::max(partition.bytes, simulator.simulate(run).bytes);
    partition.runs.push_back(run);
    first = run.end;
  }
  return partition;
}

std::optional<Plan> random_plan(const Graph& prepared, SplitMix64& random, bool input_rows) {
  const Graph graph = random.chance(0.5) ? compiler::reorder_for_memory(prepared).graph : prepared;
  const RowGraph rows = compiler::row_graph(graph);
  const std::optional<Partition> partition = random_partition(rows, random, input_rows);
  if (!partition) return std::nullopt;
  return compiler::plan_partition(graph, rows, *partition);
}

}  // namespace mcunet::testing
