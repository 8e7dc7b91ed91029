// Reported sizes against the linker's map, the stack bound against the stack used, counted
// instructions against QEMU's.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "compiler/codegen/sources.h"
#include "compiler/compile.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/tflite/reader.h"
#include "profiler/execution.h"
#include "profiler/verify.h"
#include "tests/golden/golden_data.h"
#include "tests/support/demo_models.h"

using namespace mcunet;

namespace {

compiler::CompiledModel compiled(const Graph& graph, const std::string& board = "stm32f746") {
  return compiler::compile(graph, std::string(64, '0'), {graph.name, find_board(board), {}});
}

std::vector<Graph> demo_graphs() {
  std::vector<Graph> graphs;
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    graphs.push_back(mcunet::testing::demo_model(name));
  }
  return graphs;
}

// The demo models, and the golden networks where they are.
std::vector<Graph> networks() {
  std::vector<Graph> graphs = demo_graphs();
  if (const auto shared = golden::shared_dir()) {
    for (const golden::Model& model : golden::network_models(*shared)) {
      graphs.push_back(read_tflite(golden::read_bytes(model.file), model.name));
    }
  } else {
    std::cout << "only the demo models: there is no golden data\n";
  }
  return graphs;
}

bool cross_tools(const char* test) {
  if (compiler::cross_compiler_available() && Emulator::available()) return true;
  std::cout << "skipped: " << test << " needs arm-none-eabi-gcc, make and mcunet-emu\n";
  return false;
}

double percent_off(int64_t estimated, int64_t linked) {
  return 100.0 * std::abs(static_cast<double>(estimated - linked)) / static_cast<double>(linked);
}

}  // namespace

TEST_CASE("reported sizes equal the linked map, the stack stays below its bound") {
  if (!cross_tools("accounting")) return;
  for (const Graph& graph : networks()) {
    const compiler::CompiledModel model = compiled(graph);
    const FirmwareProgram firmware(model);
    const compiler::LinkedSizes& sizes = firmware.sizes();
    CAPTURE(graph.name, model.flash.code, sizes.code, model.flash.constants, sizes.constants);
    CHECK(sizes.arena == model.sram.arena);
    CHECK(sizes.weights == model.flash.weights);
    CHECK(sizes.writable == 0);
    CHECK(percent_off(model.flash.code, sizes.code) <= 5.0);
    CHECK(percent_off(model.flash.constants, sizes.constants) <= 5.0);
    const compiler::FlashAccount linked = compiler::linked_flash(model, sizes);
    CHECK(linked.linked);
    CHECK(linked.code == sizes.code);
    CAPTURE(firmware.measurement().stack, model.sram.stack);
    CHECK(firmware.measurement().stack <= model.sram.stack);
    CHECK(model.sram.arena >= model.sram.lower_bound);
  }
}

TEST_CASE("firmware for every board runs on the emulated core") {
  if (!cross_tools("firmware for every board")) return;
  const Graph graph = mcunet::testing::demo_model("demo_keywords");
  for (const Board& board : list_boards()) {
    if (board.is_host()) continue;
    CAPTURE(board.name);
    const compiler::CompiledModel model = compiled(graph, board.name);
    const Verification verification = verify(model, {0, 1, false, true});
    REQUIRE(verification.firmware);
    CHECK(verification.firmware->mismatches == 0);
  }
}

TEST_CASE("a model may be called like a file of the firmware or of C") {
  if (!cross_tools("names of models")) return;
  Graph graph = mcunet::testing::demo_model("demo_autoencoder");
  for (const char* name : {"main", "board", "console", "startup", "string"}) {
    CAPTURE(name);
    graph.name = name;
    CHECK(verify(compiled(graph), {1, 1, true, true}).ok());
  }
}

TEST_CASE("the layers' instructions add up to the invocation's") {
  if (!cross_tools("instructions per layer")) return;
  const compiler::CompiledModel model =
      compiled(mcunet::testing::demo_model("demo_mobilenet"), "stm32f412");
  const FirmwareProgram firmware(model);
  int64_t layers = 0;
  for (const CallCount& layer : firmware.counts_per_layer()) layers += layer.instructions;
  const auto total = static_cast<int64_t>(firmware.measurement().instructions);
  CHECK(layers <= total);
  CHECK(layers >= total * 999 / 1000);  // the rest is NAME_invoke's own
  int64_t functions = 0;
  for (const FunctionCount& function : firmware.measurement().functions) {
    functions += static_cast<int64_t>(function.instructions);
  }
  CHECK(functions == total);
}

TEST_CASE("streaming takes at most 5 % more instructions than layer by layer") {
  if (!cross_tools("instructions of schedules")) return;
  // The emulated core takes minutes for the larger networks: MCUNET_NIGHTLY=1 runs them too.
  const int64_t most_macs = std::getenv("MCUNET_NIGHTLY") != nullptr ? INT64_MAX : 15'000'000;
  for (const Graph& graph : networks()) {
    if (total_macs(graph) > most_macs) continue;
    const auto instructions = [&](compiler::ScheduleKind kind) {
      compiler::CompileOptions options;
      options.name = graph.name;
      options.board = find_board("stm32f746");
      options.schedule = kind;
      const FirmwareProgram firmware(compiler::compile(graph, std::string(64, '0'), options));
      return static_cast<double>(firmware.measurement().instructions);
    };
    const double layer = instructions(compiler::ScheduleKind::Layer);
    const double stream = instructions(compiler::ScheduleKind::Stream);
    const double percent = 100 * (stream / layer - 1);
    CAPTURE(graph.name, layer, stream);
    std::cout << "instructions of " << graph.name
              << ", stream against layer: " << (percent < 0 ? "" : "+")
              << std::round(percent * 100) / 100 << " %\n";
    // Networks of a few operators are all overhead: demo models only print.
    if (total_macs(graph) > 1'000'000) CHECK(percent <= 5.0);
  }
}

TEST_CASE("counted instructions equal QEMU's") {
  if (!cross_tools("comparison with QEMU")) return;
  if (!find_program("qemu-system-arm")) {
    std::cout << "skipped: comparison with QEMU needs qemu-system-arm\n";
    return;
  }
  constexpr int64_t kQemuMemory = 4 * 1024 * 1024 - 64 * 1024;  // of the mps2-an500, each
  // QEMU takes minutes for the larger networks: MCUNET_NIGHTLY=1 runs them too.
  const int64_t most_macs = std::getenv("MCUNET_NIGHTLY") != nullptr ? INT64_MAX : 15'000'000;
  int compared = 0;
  for (const Graph& graph : networks()) {
    const compiler::CompiledModel model = compiled(graph);
    if (total_macs(graph) > most_macs) continue;
    if (model.flash.total() > kQemuMemory || model.sram.total() > kQemuMemory) continue;
    const FirmwareProgram firmware(model);
    const TemporaryDirectory directory;
    compiler::build_firmware(model, directory.path() / "out");
    ProcessOptions options;
    options.directory = (directory.path() / "out").string();
    options.timeout_s = 300;
    const ProcessResult built = run_process({"make", "qemu"}, options);
    CAPTURE(graph.name, built.errors);
    REQUIRE(built.ok());
    const ProcessResult run = run_process({"make", "-s", "run-qemu"}, options);
    const std::string output = run.output + run.errors;  // semihosting writes to standard error
    CAPTURE(output);
    REQUIRE(run.ok());
    CHECK(output.find("selftest: ok") != std::string::npos);
    const std::string expected =
        "invoke: " + std::to_string(firmware.measurement().instructions) + " instructions";
    const size_t second = output.rfind("invoke: ");
    REQUIRE(second != std::string::npos);
    CHECK(output.substr(second, expected.size()) == expected);
    ++compared;
  }
  std::cout << "instructions equal QEMU's for " << compared << " firmwares\n";
}
