#include "tests/support/trials.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "compiler/test_input.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "tests/support/compiled_batch.h"
#include "tests/support/inputs.h"

namespace mcunet::testing {
namespace {

constexpr size_t kGuard = 64;      // bytes on each side of the arena that must not change
constexpr int kArenaTooSmall = 2;  // NAME_ERROR_ARENA_SIZE

std::vector<compiler::CompiledModel> models_of(const std::vector<Trial>& trials) {
  std::vector<compiler::CompiledModel> models;
  for (const Trial& trial : trials) models.push_back(trial.model);
  return models;
}

std::string report(const Trial& trial, const std::string& problem) {
  return "seed " + std::to_string(trial.seed) + " " + trial.how + ": " + problem + "\n" +
         describe(trial.graph);
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

// What the arena holds before an inference: bytes that change from place to place and from one
// inference to the next.
std::vector<uint8_t> garbage(size_t size, size_t inference) {
  std::vector<uint8_t> bytes(size);
  uint32_t state = static_cast<uint32_t>(inference + 1) * 2654435761U;
  for (uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

// ---- the host

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

std::vector<std::string> run_trial(const Trial& trial, SharedObject::Function function) {
  const auto size = static_cast<size_t>(trial.model.sram.arena);
  const size_t total = size + 2 * kGuard;
  std::vector<uint64_t> memory(total / 8 + 1);  // aligned as the arena must be
  auto* const bytes = reinterpret_cast<uint8_t*>(memory.data());
  std::vector<std::string> problems;
  const auto check = [&](bool good, const std::string& problem) {
    if (!good) problems.push_back(report(trial, problem));
  };
  for (size_t i = 0; i < trial.runs.size(); ++i) {
    const Trial::Run& run = trial.runs[i];
    const std::vector<uint8_t> before = garbage(total, i);
    std::copy(before.begin(), before.end(), bytes);
    std::vector<uint8_t> output(run.output.size());
    if (size > 0) {
      const int refused = function(bytes + kGuard, size - 1, run.input.data(), output.data());
      check(refused == kArenaTooSmall, "an arena one byte too small was accepted");
      check(std::equal(before.begin(), before.end(), bytes),
            "init wrote into an arena that it refused");
    }
    const int status = function(bytes + kGuard, size, run.input.data(), output.data());
    check(status == 0, "status " + std::to_string(status));
    const std::string difference = first_difference(output, run.output);
    check(difference.empty(), difference);
    check(std::equal(before.begin(), before.begin() + kGuard, bytes) &&
              std::equal(before.end() - kGuard, before.end(), bytes + kGuard + size),
          "a byte beside the arena was written");
  }
  return problems;
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
  write_batch(models_of(trials), directory);
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
  build_step(command, directory);
}

std::vector<std::string> run_trial(const Trial& trial, Emulator& emulator) {
  const auto size = static_cast<uint32_t>(trial.model.sram.arena);
  const uint32_t arena = emulator.symbol("property_arena").address;
  std::vector<std::string> problems;
  for (size_t i = 0; i < trial.runs.size(); ++i) {
    const Trial::Run& run = trial.runs[i];
    const std::vector<uint8_t> before = garbage(size + kGuard, i);
    emulator.write(arena, before);
    emulator.write("property_input", run.input);
    emulator.write("property_output", garbage(run.output.size(), i));
    const CallResult result = emulator.call(trial.model.name + "_property",
                                            {arena, size, emulator.symbol("property_input").address,
                                             emulator.symbol("property_output").address});
    if (result.r0 != 0) problems.push_back(report(trial, "status " + std::to_string(result.r0)));
    const auto output = emulator.read("property_output", run.output.size());
    const std::string difference = first_difference(output, run.output);
    if (!difference.empty())
      problems.push_back(report(trial, "on the emulated core: " + difference));
    if (!std::equal(before.end() - kGuard, before.end(),
                    emulator.read(arena + size, kGuard).begin()))
      problems.push_back(
          report(trial, "on the emulated core: a byte behind the arena was written"));
  }
  return problems;
}

}  // namespace

Trial make_trial(uint64_t seed, std::string how, Graph graph, compiler::CompiledModel model) {
  Trial trial;
  trial.seed = seed;
  trial.how = std::move(how);
  trial.graph = std::move(graph);
  trial.model = std::move(model);
  const reference::Interpreter interpreter(trial.model.reference);
  for (const uint32_t input_seed : {1U, 2U}) {
    const auto inputs = compiler::stream_inputs(trial.model, input_seed);
    trial.runs.push_back({concatenated(inputs), concatenated(interpreter.run(inputs))});
  }
  return trial;
}

struct HostRunner::State {
  TemporaryDirectory scratch;
  std::optional<SharedObject> kernels;
  size_t batches = 0;
};

HostRunner::HostRunner() : state_(std::make_unique<State>()) {}
HostRunner::~HostRunner() = default;

std::vector<std::string> HostRunner::run(const std::vector<Trial>& trials) {
  std::vector<std::string> problems;
  if (trials.empty()) return problems;
  const auto directory = state_->scratch.path() / ("batch" + std::to_string(state_->batches++));
  write_batch(models_of(trials), directory);
  if (!state_->kernels) {
    build_step({"cc", "-std=c99", "-O1", "-fPIC", "-shared", "-I.", "prop_kernels.c", "-o",
                "../kernels.so"},
               directory);
    state_->kernels.emplace(state_->scratch.path() / "kernels.so", RTLD_GLOBAL);
  }
  build_step({"cc", "-std=c99", "-O1", "-fPIC", "-shared", "-I.", "batch.c", "-o", "batch.so"},
             directory);
  {
    const SharedObject batch(directory / "batch.so", RTLD_LOCAL);
    for (const Trial& trial : trials) {
      for (std::string& problem :
           run_trial(trial, batch.function(trial.model.name + "_property"))) {
        problems.push_back(std::move(problem));
      }
    }
  }
  std::filesystem::remove_all(directory);
  return problems;
}

std::string run_sanitized(const std::vector<Trial>& trials,
                          const std::filesystem::path& directory) {
  write_batch(models_of(trials), directory);
  write_file_atomically(directory / "main.c", host_program(trials));
  build_step(
      {"cc", "-std=c99", "-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
       "-I.", "main.c", "batch.c", "prop_kernels.c", "-o", "sanitized"},
      directory);
  const ProcessResult result = run_process({(directory / "sanitized").string()});
  const bool good = result.exit_code == 0 && result.output.find("ok\n") != std::string::npos;
  // The last number printed is the seed that went wrong.
  return good ? "" : result.output + "\n" + result.errors.substr(0, 4000);
}

std::vector<std::string> run_on_core(const std::vector<Trial>& trials, const std::string& core,
                                     const std::filesystem::path& directory) {
  std::vector<std::string> problems;
  build_for_core(trials, core, directory);
  Emulator emulator;
  emulator.load((directory / "batch.elf").string(),
                core == "cortex-m4" ? EmulatedCore::CortexM4 : EmulatedCore::CortexM7);
  emulator.call("main");  // start-up code clears memory, so it runs before inputs are written
  for (const Trial& trial : trials) {
    for (std::string& problem : run_trial(trial, emulator)) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace mcunet::testing
