// The generated C, on the host and as firmware on the emulated core, against the golden data: the
// operator models and the networks, every case and schedule, byte for byte. scripts/golden runs
// these alone. MCUNET_NIGHTLY=1 adds the firmware of large networks with other schedules than the
// default, and the operator models streamed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "compiler/passes/passes.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/board/board.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "libmcunet/tflite/reader.h"
#include "profiler/model_runner.h"
#include "tests/golden/golden_data.h"

using namespace mcunet;

namespace {

bool tools_are_here(const char* test) {
  if (compiler::host_compiler_available() && compiler::cross_compiler_available() &&
      Emulator::available()) {
    return true;
  }
  std::cout << "skipped: " << test << ", needs cc, make, arm-none-eabi-gcc and mcunet-emu\n";
  return false;
}

bool nightly() { return std::getenv("MCUNET_NIGHTLY") != nullptr; }

struct Variant {
  const char* name;
  compiler::ScheduleKind kind;
  bool input_rows = false;
};
const Variant kDefault = {"auto", compiler::ScheduleKind::Auto};
const std::vector<Variant> kOthers = {{"layer", compiler::ScheduleKind::Layer},
                                      {"stream", compiler::ScheduleKind::Stream},
                                      {"patch", compiler::ScheduleKind::Patch},
                                      {"rows", compiler::ScheduleKind::Stream, true}};

// Empty when all cases match in these places.
std::string compare_cases(const golden::Model& model, const Variant& variant,
                          const std::vector<Place>& places) {
  const Graph graph = read_tflite(golden::read_bytes(model.file), model.name);
  compiler::CompileOptions options;
  options.name = model.name;
  options.board = find_board("stm32f746");
  options.schedule = variant.kind;
  options.input_rows = variant.input_rows;
  options.passes.nhwc_input = variant.input_rows && compiler::has_planar_input(graph);
  std::string problems;
  for (const Place place : places) {
    const std::string where = place == Place::Host ? "host" : "firmware";
    ModelRunner runner(graph, options, place);
    for (const golden::Case& c : model.cases) {
      const Buffers inputs = golden::split(golden::read_bytes(c.input), graph, graph.inputs);
      const std::string difference =
          golden::difference(golden::join(runner.run(inputs)), golden::read_bytes(c.output));
      if (!difference.empty()) {
        problems += model.name + ", " + variant.name + ", on " + where + ", case " + c.name + ": " +
                    difference + "\n";
      }
    }
  }
  return problems;
}

struct Outcome {
  std::string problems, refusal;
  bool matches() const { return problems.empty() && refusal.empty(); }
};

// `places` says where a model runs.
template <typename Places>
std::vector<Outcome> compare_models(const std::vector<golden::Model>& models,
                                    const Variant& variant, Places places) {
  std::vector<Outcome> outcomes(models.size());
  parallel_for(models.size(), std::max(1U, std::thread::hardware_concurrency()), [&](size_t i) {
    try {
      outcomes[i].problems = compare_cases(models[i], variant, places(models[i]));
    } catch (const Error& error) {
      const bool refused =
          error.kind() == ErrorKind::Unsupported ||
          (variant.kind == compiler::ScheduleKind::Patch && error.kind() == ErrorKind::Usage);
      (refused ? outcomes[i].refusal : outcomes[i].problems) =
          models[i].name + ", " + variant.name + ": " + error.what();
    }
  });
  return outcomes;
}

std::vector<Place> everywhere(const golden::Model&) { return {Place::Host, Place::Firmware}; }

// The emulated core takes minutes for the larger networks.
std::vector<Place> where_it_is_quick(const golden::Model& model) {
  constexpr int64_t kMostMacs = 15'000'000;
  const Graph graph = read_tflite(golden::read_bytes(model.file), model.name);
  if (nightly() || total_macs(graph) <= kMostMacs) return everywhere(model);
  return {Place::Host};
}

}  // namespace

TEST_CASE("compiled operator models match the reference kernels", "[compiled][operators]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("compiled golden operators");
  if (!tools_are_here("compiled golden operators")) return;
  const std::vector<golden::Model> models = golden::operator_models(*shared);
  const std::vector<Outcome> outcomes = compare_models(models, kDefault, everywhere);
  size_t matched = 0, cases = 0;
  for (size_t i = 0; i < models.size(); ++i) {
    CHECK(outcomes[i].problems == "");
    if (!outcomes[i].matches()) continue;
    ++matched;
    cases += models[i].cases.size();
  }
  CHECK(matched > 0);
  std::cout << "compiled golden operators: " << matched << " of " << models.size()
            << " models match on the host and on the emulated Cortex-M7 (" << cases
            << " cases each), the others are refused:\n";
  for (const Outcome& outcome : outcomes) {
    if (!outcome.refusal.empty()) std::cout << "  " << outcome.refusal << "\n";
  }
}

TEST_CASE("compiled networks match the reference kernels", "[compiled][networks]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("compiled golden networks");
  if (!tools_are_here("compiled golden networks")) return;
  const std::vector<golden::Model> models = golden::network_models(*shared);
  const std::vector<Outcome> outcomes = compare_models(models, kDefault, everywhere);
  for (size_t i = 0; i < models.size(); ++i) {
    CHECK(outcomes[i].problems == "");
    CHECK(outcomes[i].refusal == "");
    if (outcomes[i].matches()) {
      std::cout << "compiled golden network " << models[i].name << ": " << models[i].cases.size()
                << " cases match on the host and on the emulated Cortex-M7\n";
    }
  }
}

TEST_CASE("compiled networks match the reference kernels whatever the schedule",
          "[compiled][networks][schedules]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("compiled golden networks, all schedules");
  if (!tools_are_here("compiled golden networks, all schedules")) return;
  const std::vector<golden::Model> models = golden::network_models(*shared);
  for (const Variant& variant : kOthers) {
    size_t matched = 0;
    for (const Outcome& outcome : compare_models(models, variant, where_it_is_quick)) {
      CHECK(outcome.problems == "");
      // Not every network can take its input row by row, or begin in patches.
      if (!variant.input_rows && variant.kind != compiler::ScheduleKind::Patch)
        CHECK(outcome.refusal == "");
      if (!outcome.refusal.empty()) std::cout << "  " << outcome.refusal << "\n";
      matched += outcome.matches() ? 1 : 0;
    }
    CHECK(matched >= 8);
    std::cout << "compiled golden networks, " << variant.name << ": " << matched << " of "
              << models.size() << " match\n";
  }
}

TEST_CASE("compiled operator models match the reference kernels whatever the schedule",
          "[compiled][operators][schedules]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("compiled golden operators, all schedules");
  if (!tools_are_here("compiled golden operators, all schedules")) return;
  if (!nightly()) {
    std::cout << "skipped: compiled golden operators, all schedules, MCUNET_NIGHTLY is not set\n";
    return;
  }
  const std::vector<golden::Model> models = golden::operator_models(*shared);
  for (const Variant& variant : kOthers) {
    for (const Outcome& outcome : compare_models(
             models, variant, [](const golden::Model&) { return std::vector<Place>{Place::Host}; }))
      CHECK(outcome.problems == "");
  }
}
