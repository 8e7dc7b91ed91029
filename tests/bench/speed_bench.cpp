// How fast our own tools are: guest instructions per second of the emulated core, and the time that
// the model of cycles takes for a whole network. One JSON document per model.
//   mcunet_speed_bench MODEL.tflite …
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/compile.h"
#include "compiler/fit.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/board/board.h"
#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "tests/bench/bench.h"

namespace {

using namespace mcunet;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The whole firmware: start-up, self-test, two inferences.
double million_instructions_per_second(const std::filesystem::path& elf,
                                       const TimingOptions& timing) {
  Emulator emulator;
  emulator.load(elf.string(), EmulatedCore::CortexM7, {}, timing);
  const auto begin = Clock::now();
  const RunResult result = emulator.run();
  return static_cast<double>(result.instructions) / seconds_since(begin) / 1e6;
}

void measure(const std::string& path) {
  compiler::CompileOptions options;
  options.name = "network";
  options.board = find_board("stm32f746");
  const std::string name = std::filesystem::path(path).stem().string();
  const compiler::CompiledModel model =
      compiler::compile(read_tflite(read_file(path), name), "", options);
  const TemporaryDirectory directory;
  const std::filesystem::path elf = compiler::build_firmware(model, directory.path());
  TimingOptions counting, timing, caches;
  counting.cycles = false;
  caches.caches = emulated_caches(options.board);
  nlohmann::ordered_json out = {{"model", name}};
  auto& speed = out["million_instructions_per_second"];
  speed["counting"] = million_instructions_per_second(elf, counting);
  speed["timing"] = million_instructions_per_second(elf, timing);
  speed["caches"] = million_instructions_per_second(elf, caches);

  constexpr int kRepetitions = 101;
  std::vector<double> ms;
  int64_t cycles = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto begin = Clock::now();
    cycles = compiler::estimated_cycles(model);
    ms.push_back(1000 * seconds_since(begin));
  }
  out["cycles"] = cycles;
  out["cycle_model_ms"] = bench::median(std::move(ms));
  std::cout << out.dump() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  return bench::for_each_model(argc, argv, "mcunet_speed_bench", measure);
}
