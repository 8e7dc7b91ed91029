// Fits the cycles of kernels to their shapes: runs each over a sweep of shapes on the emulated core
// and prints configs/cycles/CORE.json; a summary goes to standard error. scripts/calibrate runs it.
//   mcunet_calibrate_cycles stm32f746|stm32f446
#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "compiler/compile.h"
#include "compiler/cost/kernel_work.h"
#include "libmcunet/board/board.h"
#include "libmcunet/support/table.h"
#include "profiler/execution.h"
#include "profiler/least_squares.h"
#include "tests/bench/kernel_sweep.h"

namespace {

using namespace mcunet;

struct Sample {
  compiler::KernelWork work;
  double cycles;
};

// What each operator's calls took, by kernel.
void measure(const testing::SweepGraph& sweep, const Board& board, std::vector<Sample>& samples) {
  compiler::CompileOptions options;
  options.name = "sweep";
  options.board = board;
  options.board.sram_bytes = options.board.flash_bytes = int64_t{12} << 20;
  options.objective = compiler::Objective::Latency;
  options.schedule = sweep.by_rows ? compiler::ScheduleKind::Stream : compiler::ScheduleKind::Layer;
  options.passes.io = sweep.float_edges ? compiler::EdgeType::Float32 : compiler::EdgeType::Int8;
  const compiler::CompiledModel model = compiler::compile(sweep.graph, "", options);
  const FirmwareProgram firmware(model);
  const std::vector<CallCount> counts = firmware.counts_per_call();
  const std::vector<int64_t> executions = compiler::executions_per_call(model.schedule);
  struct Use {
    int64_t calls = 0, cycles = 0;
  };
  std::map<std::pair<size_t, std::string>, Use> uses;
  for (size_t i = 0; i < counts.size(); ++i) {
    Use& use = uses[{model.schedule.calls[i].op, model.schedule.calls[i].kernel}];
    use.calls += executions[i];
    use.cycles += counts[i].cycles;
  }
  for (const auto& [key, use] : uses) {
    const auto& [op, kernel] = key;
    samples.push_back({compiler::kernel_work(model.graph, model.graph.ops[op], kernel, use.calls),
                       static_cast<double>(use.cycles)});
  }
}

nlohmann::ordered_json fit(const std::vector<const Sample*>& samples) {
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (const Sample* sample : samples) {
    rows.emplace_back();
    for (const compiler::CycleTerm& term : compiler::cycle_terms(sample->work))
      rows.back().push_back(term.value);
    targets.push_back(sample->cycles);
  }
  const std::vector<double> found = fit_relative(rows, targets);
  double sum = 0, worst = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    double estimate = 0;
    for (size_t j = 0; j < found.size(); ++j) estimate += found[j] * rows[i][j];
    const double error = std::abs(estimate / targets[i] - 1);
    sum += error;
    worst = std::max(worst, error);
  }
  const auto rounded = [](double value, double step) { return std::round(value / step) * step; };
  nlohmann::ordered_json out = {
      {"samples", rows.size()},
      {"mean_error_pct", rounded(100 * sum / static_cast<double>(rows.size()), 0.01)},
      {"worst_error_pct", rounded(100 * worst, 0.01)}};
  const std::vector<compiler::CycleTerm> names = compiler::cycle_terms(samples[0]->work);
  for (size_t j = 0; j < found.size(); ++j)
    out["cycles"][names[j].name] = rounded(found[j], 1.0 / 1024);  // short to write, exact to read
  return out;
}

void calibrate(const std::string& board_name) {
  const Board board = find_board(board_name);
  std::vector<Sample> samples;
  for (const testing::SweepGraph& sweep : testing::kernel_sweep()) {
    std::cerr << "sweep: " << sweep.graph.name << ", " << sweep.graph.ops.size() << " operators\n";
    measure(sweep, board, samples);
  }
  std::map<std::string, std::vector<const Sample*>> by_kernel;
  for (const Sample& sample : samples) by_kernel[sample.work.kernel].push_back(&sample);
  nlohmann::ordered_json out = {{"schema", "mcunet.cycles/1"}, {"core", board.core}};
  Table table({{"kernel"},
               {"samples", Align::Right},
               {"mean error %", Align::Right},
               {"worst %", Align::Right}});
  for (const auto& [kernel, of_kernel] : by_kernel) {
    const nlohmann::ordered_json found = fit(of_kernel);
    out["kernels"][kernel] = found;
    table.add_row({kernel, std::to_string(of_kernel.size()),
                   format_fixed(found["mean_error_pct"], 2),
                   format_fixed(found["worst_error_pct"], 2)});
  }
  std::cerr << table.to_string();
  std::cout << out.dump(2) << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: mcunet_calibrate_cycles BOARD");
    calibrate(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
