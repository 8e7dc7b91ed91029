// Compiled C equals the interpreter, byte for byte, for random graphs: on the host, on the host
// under sanitizers, and on the emulated core. MCUNET_PROPERTY_GRAPHS changes how many graphs there
// are, MCUNET_PROPERTY_SEED runs one. A failure names the seed and prints the graph.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "compiler/targets/toolchain.h"
#include "compiler/test_input.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/compiled_batch.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"
#include "tests/support/trials.h"

using namespace mcunet;
using mcunet::testing::Trial;

namespace {

constexpr size_t kBatch = 25;
constexpr size_t kSanitized = 150;  // graphs that also run under sanitizers
constexpr size_t kEmulated = 150;   // graphs that also run on the emulated core

std::vector<uint64_t> seeds(size_t count) {
  if (const char* one = std::getenv("MCUNET_PROPERTY_SEED")) return {std::stoull(one)};
  const char* wanted = std::getenv("MCUNET_PROPERTY_GRAPHS");
  if (wanted != nullptr)
    count = std::min<size_t>(count == 0 ? SIZE_MAX : count, std::stoull(wanted));
  if (wanted == nullptr && count == 0) count = 500;
  std::vector<uint64_t> all;
  for (uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

// A random graph, compiled.
Trial make_trial(uint64_t seed) {
  const Graph graph = mcunet::testing::random_graph(seed);
  const Graph read = read_tflite(write_tflite(graph), graph.name);
  Trial trial = mcunet::testing::make_trial(
      seed, "", graph, mcunet::testing::compile_for_test(read, "p" + std::to_string(seed)));
  // Reading back what was written changes nothing, and neither do the edges.
  const auto file_inputs = mcunet::testing::golden_inputs(graph, 1);
  const auto expected = reference::Interpreter(graph).run(file_inputs);
  CHECK(reference::Interpreter(read).run(file_inputs) == expected);
  const Graph before = compiler::input_edge(trial.model);
  CHECK(reference::Interpreter(before).run(file_inputs) == compiler::stream_inputs(trial.model, 1));
  return trial;
}

// The graphs from `begin` on that could be made; those that could not have failed the test.
std::vector<Trial> make_trials(const std::vector<uint64_t>& all, size_t begin, size_t count) {
  std::vector<Trial> trials;
  for (size_t i = begin; i < std::min(all.size(), begin + count); ++i) {
    try {
      trials.push_back(make_trial(all[i]));
    } catch (const std::exception& error) {
      FAIL_CHECK("seed " << all[i] << ": " << error.what() << "\n"
                         << mcunet::testing::describe(mcunet::testing::random_graph(all[i])));
    }
  }
  return trials;
}

void check(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) FAIL_CHECK(problem);
}

}  // namespace

TEST_CASE("random graphs: compiled C equals the interpreter on the host", "[property]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const std::vector<uint64_t> all = seeds(0);
  mcunet::testing::HostRunner host;
  for (size_t begin = 0; begin < all.size(); begin += kBatch)
    check(host.run(make_trials(all, begin, kBatch)));
  SUCCEED();
  std::cout << "property tests: " << all.size() << " random graphs on the host\n";
}

TEST_CASE("random graphs: compiled C is clean under sanitizers", "[property]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::vector<Trial> trials = make_trials(seeds(kSanitized), 0, kSanitized);
  REQUIRE_FALSE(trials.empty());
  CHECK(mcunet::testing::run_sanitized(trials, scratch.path() / "sanitized") == "");
}

TEST_CASE("random graphs: compiled C equals the interpreter on the emulated core", "[property]") {
  if (!compiler::cross_compiler_available() || !Emulator::available()) {
    std::cout << "skipped: needs arm-none-eabi-gcc, make and mcunet-emu\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::vector<Trial> trials = make_trials(seeds(kEmulated), 0, kEmulated);
  REQUIRE_FALSE(trials.empty());
  for (const std::string core : {"cortex-m7", "cortex-m4"}) {
    CAPTURE(core);
    check(mcunet::testing::run_on_core(trials, core, scratch.path() / core));
  }
  std::cout << "property tests: " << trials.size() << " random graphs on two emulated cores\n";
}
