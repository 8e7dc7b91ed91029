// The generated C, on the host and as firmware on the emulated core, against the golden data: the
// operator models and the networks, every case, byte for byte. scripts/golden runs these alone.
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "compiler/targets/toolchain.h"
#include "libmcunet/board/board.h"
#include "libmcunet/emulator/emulator.h"
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

// Empty when all cases match in both places.
std::string compare_cases(const golden::Model& model) {
  const Graph graph = read_tflite(golden::read_bytes(model.file), model.name);
  const compiler::CompileOptions options{model.name, find_board("stm32f746"), {}};
  std::string problems;
  for (const Place place : {Place::Host, Place::Firmware}) {
    const std::string where = place == Place::Host ? "host" : "firmware";
    ModelRunner runner(graph, options, place);
    for (const golden::Case& c : model.cases) {
      const Buffers inputs = golden::split(golden::read_bytes(c.input), graph, graph.inputs);
      const std::string difference =
          golden::difference(golden::join(runner.run(inputs)), golden::read_bytes(c.output));
      if (!difference.empty()) {
        problems += model.name + " on " + where + ", case " + c.name + ": " + difference + "\n";
      }
    }
  }
  return problems;
}

struct Outcome {
  std::string problems, refusal;
  bool matches() const { return problems.empty() && refusal.empty(); }
};

std::vector<Outcome> compare_models(const std::vector<golden::Model>& models) {
  std::vector<Outcome> outcomes(models.size());
  parallel_for(models.size(), std::max(1U, std::thread::hardware_concurrency()), [&](size_t i) {
    try {
      outcomes[i].problems = compare_cases(models[i]);
    } catch (const Error& error) {
      (error.kind() == ErrorKind::Unsupported ? outcomes[i].refusal : outcomes[i].problems) =
          models[i].name + ": " + error.what();
    }
  });
  return outcomes;
}

}  // namespace

TEST_CASE("compiled operator models match the reference kernels", "[compiled][operators]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("compiled golden operators");
  if (!tools_are_here("compiled golden operators")) return;
  const std::vector<golden::Model> models = golden::operator_models(*shared);
  const std::vector<Outcome> outcomes = compare_models(models);
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
  const std::vector<Outcome> outcomes = compare_models(models);
  for (size_t i = 0; i < models.size(); ++i) {
    CHECK(outcomes[i].problems == "");
    CHECK(outcomes[i].refusal == "");
    if (outcomes[i].matches()) {
      std::cout << "compiled golden network " << models[i].name << ": " << models[i].cases.size()
                << " cases match on the host and on the emulated Cortex-M7\n";
    }
  }
}
