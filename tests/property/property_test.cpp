// Compiled C equals the interpreter, byte for byte, for random graphs: on the host, on the host
// under sanitizers, and on the emulated core. MCUNET_PROPERTY_GRAPHS changes how many graphs there
// are, MCUNET_PROPERTY_SEED runs one. A failure names the seed and prints the graph.
#include <dlfcn.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>

#include "compiler/targets/toolchain.h"
#include "compiler/test_input.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/compiled_batch.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using compiler::CompiledModel;
using mcunet::testing::concatenated;

namespace {

constexpr size_t kBatch = 25;
constexpr size_t kSanitized = 150;  // graphs that also run under sanitizers
constexpr size_t kEmulated = 150;   // graphs that also run on the emulated core
constexpr size_t kGuard = 64;       // bytes on each side of the arena that must not change
constexpr uint8_t kGarbage = 0xA5;  // what the arena holds before
constexpr int kArenaTooSmall = 2;   // NAME_ERROR_ARENA_SIZE

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

// A random graph, compiled, with inputs and what must come out.
struct Trial {
  uint64_t seed = 0;
  Graph graph;
  CompiledModel model;
  struct Run {
    std::vector<uint8_t> input, output;
  };
  std::vector<Run> runs;
};

Trial make_trial(uint64_t seed) {
  Trial trial;
  trial.seed = seed;
  trial.graph = mcunet::testing::random_graph(seed);
  const std::string name = "p" + std::to_string(seed);
  const Graph read = read_tflite(write_tflite(trial.graph), trial.graph.name);
  trial.model = mcunet::testing::compile_for_test(read, name);
  const reference::Interpreter interpreter(trial.model.reference);
  for (const uint32_t input_seed : {1U, 2U}) {
    const auto inputs = compiler::stream_inputs(trial.model, input_seed);
    trial.runs.push_back({concatenated(inputs), concatenated(interpreter.run(inputs))});
  }
  // Reading back what was written changes nothing, and neither do the edges.
  const auto file_inputs = mcunet::testing::golden_inputs(trial.graph, 1);
  const auto expected = reference::Interpreter(trial.graph).run(file_inputs);
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

std::vector<CompiledModel> models_of(const std::vector<Trial>& trials) {
  std::vector<CompiledModel> models;
  for (const Trial& trial : trials) models.push_back(trial.model);
  return models;
}

std::string first_difference(const std::vector<uint8_t>& actual,
                             const std::vector<uint8_t>& expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (i >= actual.size() || actual[i] != expected[i]) {
      return "output byte " + std::to_string(i) + " of " + std::to_string(expected.size());
    }
  }
  return "";
}

void report(const Trial& trial, const std::string& problem) {
  FAIL_CHECK("seed " << trial.seed << ": " << problem << "\n"
                     << mcunet::testing::describe(trial.graph));
}

class SharedObject {
 public:
  SharedObject(const std::filesystem::path& path, int flags)
      : handle_(dlopen(path.c_str(), RTLD_NOW | flags)) {
    if (handle_ == nullptr) throw Error(ErrorKind::External, dlerror());
  }
  ~SharedObject() { dlclose(handle_); }
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;

  using Function = int (*)(void*, size_t, const uint8_t*, uint8_t*);
  Function function(const std::string& name) const {
    void* address = dlsym(handle_, name.c_str());
    if (address == nullptr) throw Error(ErrorKind::External, dlerror());
    Function result = nullptr;
    std::memcpy(&result, &address, sizeof result);
    return result;
  }

 private:
  void* handle_;
};

void run_on_host(const Trial& trial, SharedObject::Function function) {
  const auto size = static_cast<size_t>(trial.model.sram.arena);
  std::vector<uint64_t> memory((size + 2 * kGuard) / 8 + 1);  // aligned as the arena must be
  auto* const bytes = reinterpret_cast<uint8_t*>(memory.data());
  const size_t total = size + 2 * kGuard;
  for (const Trial::Run& run : trial.runs) {
    std::memset(bytes, kGarbage, total);
    std::vector<uint8_t> output(run.output.size());
    if (size > 0) {
      const int refused = function(bytes + kGuard, size - 1, run.input.data(), output.data());
      if (refused != kArenaTooSmall) report(trial, "an arena one byte too small was accepted");
      if (std::count(bytes, bytes + total, kGarbage) != static_cast<std::ptrdiff_t>(total)) {
        report(trial, "init wrote into an arena that it refused");
      }
    }
    const int status = function(bytes + kGuard, size, run.input.data(), output.data());
    if (status != 0) report(trial, "status " + std::to_string(status));
    const std::string difference = first_difference(output, run.output);
    if (!difference.empty()) report(trial, difference);
    for (size_t i = 0; i < kGuard; ++i) {
      if (bytes[i] != kGarbage || bytes[kGuard + size + i] != kGarbage) {
        report(trial, "a byte beside the arena was written");
        break;
      }
    }
  }
}

// A C array of bytes for the programs that carry their inputs and expected outputs with them.
std::string c_bytes(const std::string& name, const std::vector<uint8_t>& bytes) {
  std::string text = "static const uint8_t " + name + "[] = {";
  for (const uint8_t byte : bytes) text += std::to_string(byte) + ",";
  return text + "};\n";
}

// A program that runs every trial with an arena of exactly the promised size and prints the seeds
// that go wrong.
std::string host_program(const std::vector<Trial>& trials) {
  std::string out =
      "#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
      "typedef int function(void *, size_t, const uint8_t *, uint8_t *);\n"
      "static int check(function *run, size_t size, const uint8_t *input, size_t input_size,\n"
      "                 const uint8_t *expected, size_t expected_size) {\n"
      "  void *arena = malloc(size);\n"
      "  uint8_t *inputs = malloc(input_size), *outputs = malloc(expected_size);\n"
      "  int good;\n"
      "  memset(arena, 0xa5, size);\n"
      "  memcpy(inputs, input, input_size);\n"
      "  good = run(arena, size, inputs, outputs) == 0;\n"
      "  good = good && memcmp(outputs, expected, expected_size) == 0;\n"
      "  free(arena); free(inputs); free(outputs);\n"
      "  return good;\n"
      "}\n";
  std::string calls;
  for (const Trial& trial : trials) {
    const std::string name = trial.model.name;
    out += "function " + name + "_property;\n";
    out +=
        c_bytes(name + "_in", trial.runs[0].input) + c_bytes(name + "_out", trial.runs[0].output);
    calls += "  printf(\"" + std::to_string(trial.seed) + " \"); fflush(stdout);\n  if (!check(" +
             name + "_property, " + std::to_string(trial.model.sram.arena) + ", " + name +
             "_in, sizeof " + name + "_in, " + name + "_out, sizeof " + name +
             "_out)) { printf(\"differs\\n\"); return 1; }\n";
  }
  return out + "int main(void) {\n" + calls + "  printf(\"ok\\n\");\n  return 0;\n}\n";
}

// ---- the emulated core
// ---------------------------------------------------------------------------

constexpr const char* kStartup = R"(
#include <stddef.h>
#include <stdint.h>
#include <string.h>
extern uint8_t __stack_top[], __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
int main(void);
void Reset_Handler(void);
struct vectors { const void *stack; void (*reset)(void); };
__attribute__((section(".vectors"), used)) const struct vectors vectors = {__stack_top, Reset_Handler};
void Reset_Handler(void) {
  *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* floating point on */
  memcpy(__data_start, __data_load, (size_t)(__data_end - __data_start));
  memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
  (void)main();
  for (;;) {
  }
}
/* The emulator waits for main: it must be called. */
__attribute__((noinline)) int main(void) {
  __asm__ volatile("");
  return 0;
}
__attribute__((aligned(8))) uint8_t property_arena[ARENA_SIZE];
__attribute__((aligned(8))) uint8_t property_input[INPUT_SIZE];
__attribute__((aligned(8))) uint8_t property_output[OUTPUT_SIZE];
)";

constexpr const char* kLinkerScript = R"(
ENTRY(Reset_Handler)
MEMORY {
  FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 16M
  RAM (rw) : ORIGIN = 0x20000000, LENGTH = 16M
}
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text .text.*) *(.rodata .rodata.*) . = ALIGN(4); } > FLASH
  .stack (NOLOAD) : { . += 16K; . = ALIGN(8); __stack_top = .; } > RAM
  .data : { __data_start = .; *(.data .data.*) . = ALIGN(4); __data_end = .; } > RAM AT > FLASH
  __data_load = LOADADDR(.data);
  .bss (NOLOAD) : { __bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(4); __bss_end = .; } > RAM
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) }
}
)";

void build_for_core(const std::vector<Trial>& trials, const std::string& core,
                    const std::filesystem::path& directory) {
  mcunet::testing::write_batch(models_of(trials), directory);
  size_t arena = 8, input = 8, output = 8;
  for (const Trial& trial : trials) {
    arena = std::max(arena, static_cast<size_t>(trial.model.sram.arena) + kGuard);
    input = std::max(input, trial.runs[0].input.size());
    output = std::max(output, trial.runs[0].output.size());
  }
  write_file_atomically(directory / "startup.c", std::string_view(kStartup));
  write_file_atomically(directory / "batch.ld", std::string_view(kLinkerScript));
  const std::vector<std::string> flags = {"-mthumb", "-mfloat-abi=hard", "-std=c99", "-O2", "-I."};
  const std::vector<std::string> cpu =
      core == "cortex-m4" ? std::vector<std::string>{"-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"}
                          : std::vector<std::string>{"-mcpu=cortex-m7", "-mfpu=fpv5-d16"};
  std::vector<std::string> command = {"arm-none-eabi-gcc"};
  command.insert(command.end(), cpu.begin(), cpu.end());
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(),
                 {"-DARENA_SIZE=" + std::to_string(arena), "-DINPUT_SIZE=" + std::to_string(input),
                  "-DOUTPUT_SIZE=" + std::to_string(output), "-T", "batch.ld", "startup.c",
                  "batch.c", "prop_kernels.c", "-nostdlib", "-lc", "-lgcc", "-o", "batch.elf"});
  mcunet::testing::build_step(command, directory);
}

void run_on_core(const Trial& trial, Emulator& emulator) {
  const auto size = static_cast<uint32_t>(trial.model.sram.arena);
  const uint32_t arena = emulator.symbol("property_arena").address;
  for (const Trial::Run& run : trial.runs) {
    emulator.write(arena, std::vector<uint8_t>(size + kGuard, kGarbage));
    emulator.write("property_input", run.input);
    emulator.write("property_output", std::vector<uint8_t>(run.output.size(), kGarbage));
    const CallResult result = emulator.call(trial.model.name + "_property",
                                            {arena, size, emulator.symbol("property_input").address,
                                             emulator.symbol("property_output").address});
    if (result.r0 != 0) report(trial, "status " + std::to_string(result.r0));
    const auto output = emulator.read("property_output", run.output.size());
    const std::string difference = first_difference(output, run.output);
    if (!difference.empty()) report(trial, "on the emulated core: " + difference);
    const auto guard = emulator.read(arena + size, kGuard);
    if (guard != std::vector<uint8_t>(kGuard, kGarbage)) {
      report(trial, "on the emulated core: a byte behind the arena was written");
    }
  }
}

}  // namespace

TEST_CASE("random graphs: compiled C equals the interpreter on the host", "[property]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::vector<uint64_t> all = seeds(0);
  std::optional<SharedObject> kernels;
  for (size_t begin = 0; begin < all.size(); begin += kBatch) {
    const std::vector<Trial> trials = make_trials(all, begin, kBatch);
    if (trials.empty()) continue;
    const auto directory = scratch.path() / ("batch" + std::to_string(begin));
    mcunet::testing::write_batch(models_of(trials), directory);
    if (!kernels) {
      mcunet::testing::build_step({"cc", "-std=c99", "-O1", "-fPIC", "-shared", "-I.",
                                   "prop_kernels.c", "-o", "../kernels.so"},
                                  directory);
      kernels.emplace(scratch.path() / "kernels.so", RTLD_GLOBAL);
    }
    mcunet::testing::build_step(
        {"cc", "-std=c99", "-O1", "-fPIC", "-shared", "-I.", "batch.c", "-o", "batch.so"},
        directory);
    const SharedObject batch(directory / "batch.so", RTLD_LOCAL);
    for (const Trial& trial : trials) {
      run_on_host(trial, batch.function(trial.model.name + "_property"));
    }
    std::filesystem::remove_all(directory);
  }
  SUCCEED();
  std::cout << "property tests: " << all.size() << " random graphs on the host\n";
}

TEST_CASE("random graphs: compiled C is clean under sanitizers", "[property]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const TemporaryDirectory scratch;
  const auto directory = scratch.path() / "sanitized";
  const std::vector<Trial> trials = make_trials(seeds(kSanitized), 0, kSanitized);
  REQUIRE_FALSE(trials.empty());
  mcunet::testing::write_batch(models_of(trials), directory);
  write_file_atomically(directory / "main.c", host_program(trials));
  mcunet::testing::build_step(
      {"cc", "-std=c99", "-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
       "-I.", "main.c", "batch.c", "prop_kernels.c", "-o", "sanitized"},
      directory);
  const ProcessResult result = run_process({(directory / "sanitized").string()});
  // The last number printed is the seed that went wrong.
  INFO(result.output << "\n" << result.errors.substr(0, 4000));
  CHECK(result.exit_code == 0);
  CHECK(result.output.find("ok\n") != std::string::npos);
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
    const auto directory = scratch.path() / core;
    build_for_core(trials, core, directory);
    Emulator emulator;
    emulator.load((directory / "batch.elf").string(),
                  core == "cortex-m4" ? EmulatedCore::CortexM4 : EmulatedCore::CortexM7);
    emulator.call("main");  // start-up code clears memory, so it runs before inputs are written
    for (const Trial& trial : trials) run_on_core(trial, emulator);
  }
  std::cout << "property tests: " << trials.size() << " random graphs on two emulated cores\n";
}
