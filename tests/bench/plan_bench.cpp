// How long plan() takes: the median over repetitions on one core, for a search that asks it for
// every candidate. One JSON document per model on standard output; scripts/bench runs it.
//   mcunet_plan_bench MODEL.tflite …
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/passes/passes.h"
#include "compiler/plan.h"
#include "libmcunet/board/board.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "tests/bench/bench.h"

namespace {

using namespace mcunet;

constexpr int kRepetitions = 101;

double median_ms(const Graph& graph, const compiler::PlanOptions& options) {
  std::vector<double> ms;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const compiler::Plan plan = compiler::plan(graph, options);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (plan.memory.arena < 0) std::abort();  // never: keeps the plan from being left out
    ms.push_back(took.count());
  }
  return bench::median(std::move(ms));
}

void measure(const std::string& path) {
  const std::string name = std::filesystem::path(path).stem().string();
  const Graph model = compiler::move_conversions_out(read_tflite(read_file(path), name));
  const Graph graph = compiler::prepare(model, {});
  const int64_t sram = find_board("stm32f746").sram_bytes;
  nlohmann::ordered_json out = {{"model", name}, {"operators", graph.ops.size()}};
  const auto add = [&](const char* what, compiler::ScheduleKind kind, int64_t limit) {
    out["ms"][what] = median_ms(graph, {kind, limit});
  };
  add("auto", compiler::ScheduleKind::Auto, sram);
  add("auto_128k", compiler::ScheduleKind::Auto, 128 * 1024);
  add("layer", compiler::ScheduleKind::Layer, sram);
  add("stream", compiler::ScheduleKind::Stream, sram);
  std::cout << out.dump() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  return bench::for_each_model(argc, argv, "mcunet_plan_bench", measure);
}
