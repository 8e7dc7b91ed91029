// The emulated core against programs whose behaviour and instruction counts are known.
#include "libmcunet/emulator/emulator.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <string>

#include "libmcunet/support/error.h"

namespace {

namespace fs = std::filesystem;
using mcunet::EmulatedCore;
using mcunet::Emulator;
using mcunet::Error;
using mcunet::ErrorKind;

// The pieces of a generated network that the firmware templates use; its invoke has a known number
// of instructions.
constexpr const char* kHeader = R"(
#ifndef TINY_H
#define TINY_H
#include <stddef.h>
#include <stdint.h>
typedef enum { TINY_OK = 0, TINY_BAD = 1 } tiny_status;
typedef struct tiny_context { uint8_t *arena; } tiny_context;
#define TINY_ARENA_SIZE 256
#define TINY_ARENA_ATTR __attribute__((aligned(16)))
#define TINY_OUTPUT_COUNT 1
const char *tiny_strerror(tiny_status status);
tiny_status tiny_init(tiny_context *context, void *arena, size_t size);
tiny_status tiny_invoke(tiny_context *context);
const void *tiny_output(const tiny_context *context, size_t index);
size_t tiny_output_bytes(size_t index);
#endif
)";
constexpr const char* kSelftestHeader = R"(
#include "tiny.h"
tiny_status tiny_selftest_input(tiny_context *context);
tiny_status tiny_selftest(tiny_context *context);
)";
constexpr const char* kSource = R"(
#include "tiny_selftest.h"
uint32_t tiny_magic = 0x12345678u;    /* in .data: start-up code must copy it */
uint32_t tiny_zero;                   /* in .bss */
volatile uint32_t tiny_break_it = 0;
uint32_t tiny_sum(uint32_t a, uint32_t b, uint32_t c, uint32_t d);
double tiny_half(void);
void tiny_deep(void);
const char *tiny_strerror(tiny_status status) { return status == TINY_OK ? "ok" : "bad"; }
tiny_status tiny_init(tiny_context *context, void *arena, size_t size) {
  context->arena = arena;
  return size >= TINY_ARENA_SIZE && tiny_magic == 0x12345678u && tiny_zero == 0u ? TINY_OK : TINY_BAD;
}
const void *tiny_output(const tiny_context *context, size_t index) { (void)index; return context->arena; }
size_t tiny_output_bytes(size_t index) { (void)index; return 4; }
tiny_status tiny_selftest_input(tiny_context *context) {
  for (unsigned i = 0; i < 4u; i++) context->arena[i] = (uint8_t)(0xa0u + i);
  return TINY_OK;
}
tiny_status tiny_selftest(tiny_context *context) {
  (void)tiny_selftest_input(context);
  return tiny_invoke(context);
}
uint32_t tiny_sum(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { return a + 10u * b + 100u * c + 1000u * d; }
/* 2 + 2 * 100 + 1 instructions; with ldr, the first of the loop's head. */
__attribute__((naked)) void tiny_loop(void) {
  __asm__ volatile("movs r3, #100\n\tnop\n1: subs r3, #1\n\tbne 1b\n\tbx lr");
}
/* The second and third instruction of the IT block are skipped, and count. */
__attribute__((naked)) void tiny_conditional(void) {
  __asm__ volatile("cmp sp, sp\n\titee eq\n\tmoveq r0, #1\n\tmovne r0, #2\n\tmovne.w r1, #3\n\tbx lr");
}
/* Its first instruction is also the head of its loop. */
__attribute__((naked)) void tiny_head(void) { __asm__ volatile("subs r0, #1\n\tbne tiny_head\n\tbx lr"); }
/* 1 + 1 + 1 + 1 + 1 + 1 + 1 instructions of its own. */
__attribute__((naked)) tiny_status tiny_invoke(tiny_context *context) {
  (void)context;
  __asm__ volatile(
      "push {r4, lr}\n\tbl tiny_loop\n\tbl tiny_conditional\n\tmovs r0, #5\n\tbl tiny_head\n\t"
      "movs r0, #0\n\tpop {r4, pc}");
}
/* Uses 8 + 400 bytes of stack and writes the lowest. */
__attribute__((naked)) void tiny_deep(void) {
  __asm__ volatile("push {r4, lr}\n\tsub sp, #400\n\tstr r0, [sp]\n\tadd sp, #400\n\tpop {r4, pc}");
}
void tiny_bad_read(void);
void tiny_bad_read(void) { tiny_break_it = *(volatile uint32_t *)0xc0000000u; }
void tiny_bad_write(void);
void tiny_bad_write(void) { *(volatile uint32_t *)0x08000000u = 1u; }
__attribute__((naked)) void tiny_undefined(void) { __asm__ volatile("udf #0"); }
__attribute__((naked)) void tiny_forever(void) { __asm__ volatile("b ."); }
__attribute__((naked)) void tiny_spin(void) { __asm__ volatile("1: nop\n\tb 1b"); }
__attribute__((naked)) void tiny_sleep(void) { __asm__ volatile("wfi\n\tbx lr"); }
float tiny_float(float x);
uint32_t tiny_fpu(void);
uint32_t tiny_fpu(void) { volatile float x = 2.5f; x = x * 4.0f; return (uint32_t)x; }
)";

std::string read_text(const fs::path& path) {
  std::ifstream stream(path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

void write_text(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// A folder as `mcunet compile --firmware` would write it, with the firmware built in it. Made once
// for all tests.
class Project {
 public:
  Project() {
    char pattern[] = "/tmp/mcunet-emulator-test-XXXXXX";
    REQUIRE(mkdtemp(pattern) != nullptr);
    folder_ = pattern;
    fs::create_directory(folder_ / "firmware");
    for (const auto& entry :
         fs::directory_iterator(fs::path(MCUNET_SOURCE_DIR) / "compiler/targets/firmware")) {
      std::string text = read_text(entry.path());
      const std::pair<const char*, const char*> values[] = {
          {"@name@", "tiny"},
          {"@NAME@", "TINY"},
          {"@FLASH_ORIGIN@", "0x08000000"},
          {"@FLASH_SIZE@", "1024K"},
          {"@RAM_ORIGIN@", "0x20000000"},
          {"@RAM_SIZE@", "320K"},
          {"@STACK_RESERVE@", "4096"},
          {"@CPU_FLAGS@", "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard"},
          {"@CLOCK_HZ@", "216000000"},
          {"@BOARD@", "stm32f746"},
          {"@BOARD_SOURCE@", "board_stm32f7.c"},
          {"@with_firmware@", "yes"},
          {"@detection_include@", ""},
          {"@kernels@", "tiny"}};
      for (const auto& [from, to] : values) text = replace_all(text, from, to);
      const std::string name = entry.path().filename();
      write_text(
          (name == "Makefile" || name == "CMakeLists.txt" ? folder_ : folder_ / "firmware") / name,
          text);
    }
    write_text(folder_ / "tiny.h", kHeader);
    write_text(folder_ / "tiny_selftest.h", kSelftestHeader);
    write_text(folder_ / "tiny.c", kSource);
    // Unused functions are wanted here, since the tests call them.
    const std::string command = "make -C " + folder_.string() +
                                " firmware qemu FIRMWARE_LDFLAGS=-Wl,--no-gc-sections >" +
                                (folder_ / "log").string() + " 2>&1";
    const int status = std::system(command.c_str());
    INFO(read_text(folder_ / "log"));
    REQUIRE(status == 0);
  }
  ~Project() { fs::remove_all(folder_); }
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  std::string elf() const { return folder_ / "tiny.elf"; }
  std::string qemu_elf() const { return folder_ / "tiny-qemu.elf"; }
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

const Project& project() {
  static const Project made;
  return made;
}

bool missing(const char* program) {
  return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) != 0;
}

bool skip() {
  if (Emulator::available() && !missing("arm-none-eabi-gcc") && !missing("make")) return false;
  std::cout << "skipped: needs mcunet-emu, arm-none-eabi-gcc and make\n";
  return true;
}

std::string external_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::External);
    return error.what();
  }
  FAIL("no error was reported");
  return "";
}

Emulator loaded() {
  Emulator emulator;
  emulator.load(project().elf(), EmulatedCore::CortexM7);
  return emulator;
}

constexpr uint64_t kLoop = 2 + 2 * 100 + 1, kConditional = 6, kHead = 2 * 5 + 1, kOwn = 7;

}  // namespace

TEST_CASE("firmware runs from reset to exit", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  const mcunet::RunResult result = emulator.run({"tiny_invoke", 3, 0});
  CHECK(result.exit_code == 0);
  CHECK(result.output.find("selftest: ok\ninvoke: not counted\n") == 0);
  CHECK(result.output.find("output 0: a0a1a2a3 (4 bytes, fnv1a 415583b1)\n") != std::string::npos);
  REQUIRE(result.measured);
  CHECK(result.measured->instructions == kOwn + kLoop + kConditional + kHead);
  CHECK(result.measured->stack == 8);
  CHECK(result.instructions > 3 * result.measured->instructions);
  REQUIRE(result.measured->steps.size() == 3);
  CHECK(result.measured->steps[0].function == "tiny_loop");
  CHECK(result.measured->steps[0].instructions == kLoop);
  CHECK(result.measured->steps[1].function == "tiny_conditional");
  CHECK(result.measured->steps[1].instructions == kConditional);
  CHECK(result.measured->steps[2].function == "tiny_head");
  CHECK(result.measured->steps[2].instructions == kHead);
  REQUIRE(result.measured->functions.size() == 4);
  CHECK(result.measured->functions[0].name == "tiny_loop");
  uint64_t total = 0;
  for (const mcunet::FunctionCount& function : result.measured->functions) {
    CHECK(function.calls == 1);
    total += function.instructions;
  }
  CHECK(total == result.measured->instructions);
  // A second run starts from reset again.
  const mcunet::RunResult again = emulator.run();
  CHECK(again.output == result.output);
  CHECK(again.instructions == result.instructions);
  CHECK_FALSE(again.measured);
}

TEST_CASE("a measured call that never comes is an error", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  CHECK(external_error([&] {
          emulator.run({"tiny_invoke", 4, 0});
        }).find("after 3 calls") != std::string::npos);
  CHECK(external_error([&] {
          emulator.run({"no_such_function", 1, 0});
        }).find("no_such_function") != std::string::npos);
  CHECK(external_error([&] {
          emulator.run({"tiny_magic", 1, 0});
        }).find("not a function") != std::string::npos);
}

TEST_CASE("functions are called with arguments and measured", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  // Before any run: start-up code runs by itself, so that initialised data is there.
  CHECK(emulator.call("tiny_sum", {1, 2, 3, 4}).r0 == 4321);
  CHECK(emulator.read("tiny_magic", 4) == std::vector<uint8_t>{0x78, 0x56, 0x34, 0x12});
  CHECK(emulator.call("tiny_loop").measured.instructions == kLoop);
  CHECK(emulator.call("tiny_conditional").r0 == 1);
  CHECK(emulator.call(emulator.symbol("tiny_conditional").address).measured.instructions ==
        kConditional);
  CHECK(emulator.call("tiny_deep").measured.stack == 408);
  CHECK(emulator.call("tiny_fpu").r0 == 10);
  const mcunet::CallResult head = emulator.call("tiny_head", {1000000});
  CHECK(head.measured.instructions == 2000001);
  CHECK(head.measured.functions.at(0).calls == 1);
  emulator.run();
  CHECK(emulator.call("tiny_sum", {5}).r0 == 5);
  CHECK_THROWS_AS(emulator.call("tiny_sum", {1, 2, 3, 4, 5}), Error);
}

TEST_CASE("memory is read and written by symbol and address", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  emulator.run();
  const mcunet::EmulatedSymbol arena = emulator.symbol("tiny_firmware_arena");
  CHECK(arena.size == 256);
  CHECK(arena.address >= 0x20000000);
  emulator.write("tiny_firmware_arena", {1, 2, 3, 255}, 10);
  CHECK(emulator.read(arena.address + 10, 4) == std::vector<uint8_t>{1, 2, 3, 255});
  emulator.write(arena.address + 12, {9});
  CHECK(emulator.read("tiny_firmware_arena", 3, 11) == std::vector<uint8_t>{2, 9, 255});
  CHECK_THROWS_AS(emulator.read(0xc0000000u, 4), Error);
  CHECK_THROWS_AS(emulator.read(arena.address, size_t{1} << 40), Error);
  CHECK_THROWS_AS(emulator.symbol("no_such_symbol"), Error);
  // Code that is replaced from outside is executed and counted anew: bx lr in place of the loop's
  // first instruction.
  CHECK(emulator.call("tiny_loop").measured.instructions == kLoop);
  emulator.write("tiny_loop", {0x70, 0x47});
  CHECK(emulator.call("tiny_loop").measured.instructions == 1);
}

TEST_CASE("faults say where and why, and the emulator lives on", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  const auto fault = [&](const char* function) {
    return external_error([&] { emulator.call(function); });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(fault("tiny_bad_read"), Contains("tiny_bad_read") && Contains("0xc0000000"));
  CHECK_THAT(fault("tiny_bad_write"), Contains("tiny_bad_write") && Contains("flash"));
  CHECK_THAT(fault("tiny_undefined"),
             Contains("tiny_undefined") && Contains("undefined instruction"));
  CHECK_THAT(fault("tiny_forever"), Contains("tiny_forever") && Contains("endless loop"));
  CHECK_THAT(fault("tiny_sleep"), Contains("tiny_sleep") && Contains("sleeps"));
  CHECK_THAT(external_error([&] { emulator.call("tiny_spin", {}, 1000); }), Contains("limit"));
  CHECK_THAT(external_error([&] { emulator.call(0xc0000000u); }),
             Contains("0xc0000000") && Contains("fetch failed"));
  CHECK(emulator.call("tiny_sum", {7}).r0 == 7);
  CHECK(emulator.run().exit_code == 0);
}

TEST_CASE("a failing self-test is an exit code", "[emulator]") {
  if (skip()) return;
  Emulator emulator = loaded();
  // The initial value of tiny_magic, which tiny_init checks, as start-up code finds it in flash.
  const uint32_t load = emulator.symbol("__data_load").address;
  emulator.write(
      load + emulator.symbol("tiny_magic").address - emulator.symbol("__data_start").address, {0});
  const mcunet::RunResult result = emulator.run();
  CHECK(result.exit_code == 1);
  CHECK(result.output == "init: bad\n");
}

TEST_CASE("the same objects linked for QEMU's board run too", "[emulator]") {
  if (skip()) return;
  Emulator emulator;
  emulator.load(project().qemu_elf(), EmulatedCore::CortexM7);
  const mcunet::RunResult result = emulator.run({"tiny_invoke", 1, 0});
  CHECK(result.exit_code == 0);
  REQUIRE(result.measured);
  CHECK(result.measured->instructions == kOwn + kLoop + kConditional + kHead);
  if (missing("qemu-system-arm")) {
    WARN("not compared with QEMU: qemu-system-arm is not installed");
    return;
  }
  const std::string output = project().folder() / "qemu-output";
  const std::string command = "timeout 60 make -s -C " + project().folder().string() +
                              " run-qemu FIRMWARE_LDFLAGS=-Wl,--no-gc-sections >" + output +
                              " 2>&1"  // QEMU prints semihosting output there
      ;
  CHECK(std::system(command.c_str()) == 0);
  const std::string line =
      "invoke: " + std::to_string(result.measured->instructions) + " instructions\n";
  CHECK_THAT(read_text(output), Catch::Matchers::Contains(line + line));
}

TEST_CASE("files that are no firmware are refused", "[emulator]") {
  if (skip()) return;
  Emulator emulator;
  const auto refused = [&](const std::string& path) {
    return external_error([&] { emulator.load(path, EmulatedCore::CortexM7); });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(external_error([&] { emulator.run(); }), Contains("no firmware is loaded"));
  CHECK_THAT(refused("/no/such/file.elf"), Contains("/no/such/file.elf"));
  CHECK_THAT(refused("/proc/self/exe"), Contains("ELF"));
  const std::string text = project().folder() / "text.elf";
  write_text(text, "not an ELF file");
  refused(text);
  write_text(text, "");
  refused(text);
  // Memory that does not hold the firmware.
  CHECK_THAT(external_error([&] {
               emulator.load(project().elf(), EmulatedCore::CortexM7, {{0x20000000, 4096}});
             }),
             Contains("has no memory"));
  CHECK_THAT(external_error([&] {
               emulator.load(project().elf(), EmulatedCore::CortexM7,
                             {{0x20000000, 8192}, {0x20001000, 4096}});
             }),
             Contains("overlaps"));
}

TEST_CASE("corrupt firmware never brings the emulator down", "[emulator]") {
  if (skip()) return;
  const std::string good = read_text(project().elf());
  const std::string path = project().folder() / "corrupt.elf";
  Emulator emulator;
  const auto try_it = [&](const std::string& bytes) {
    write_text(path, bytes);
    try {
      emulator.load(path, EmulatedCore::CortexM7);
      emulator.run({"", 1, 1000000});
    } catch (const Error& error) {
      REQUIRE_THAT(error.what(), Catch::Matchers::StartsWith("emulated core: "));
    }
  };
  for (const size_t size :
       {size_t{4}, size_t{16}, size_t{51}, size_t{52}, good.size() / 2, good.size() - 1}) {
    try_it(good.substr(0, size));
  }
  // Every byte of the file header and the first program header, and every 97th of the rest.
  for (size_t at = 16; at < good.size(); at += at < 84 ? 1 : 97 * 7) {
    for (const char value : {'\xff', '\x7f'}) {
      std::string bad = good;
      bad[at] = value;
      CAPTURE(at);
      try_it(bad);
    }
  }
  emulator.load(project().elf(), EmulatedCore::CortexM7);
  CHECK(emulator.run().exit_code == 0);
}

TEST_CASE("the emulated core as a Cortex-M4", "[emulator]") {
  if (skip()) return;
  Emulator emulator;
  emulator.load(project().elf(), EmulatedCore::CortexM4,
                {{0x08000000, 1 << 20}, {0x20000000, 320 << 10}});
  CHECK(emulator.run().exit_code == 0);
}

TEST_CASE("an emulator that is missing, silent or dead is an external error", "[emulator]") {
  if (skip()) return;
  const char* before = std::getenv("MCUNET_EMU");
  const std::string saved = before ? before : "";
  setenv("MCUNET_EMU", "/no/such/mcunet-emu", 1);
  CHECK_FALSE(Emulator::available());
  CHECK_THAT(external_error([] { Emulator emulator; }), Catch::Matchers::Contains("MCUNET_EMU"));
  setenv("MCUNET_EMU", "/bin/false", 1);
  CHECK_THAT(external_error([] { Emulator().run(); }),
             Catch::Matchers::Contains("ended unexpectedly with code 1"));
  // One that is killed in the middle of the conversation.
  const fs::path script = project().folder() / "dies.sh";
  write_text(script, "#!/bin/sh\nread line\nkill -SEGV $$\n");
  fs::permissions(script, fs::perms::owner_all);
  setenv("MCUNET_EMU", script.c_str(), 1);
  {
    Emulator emulator;
    CHECK_THAT(external_error([&] { emulator.run(); }), Catch::Matchers::Contains("crashed"));
    external_error([&] { emulator.run(); });
  }
  // One that answers nonsense.
  write_text(script, "#!/bin/sh\nread line\necho nonsense\n");
  CHECK_THAT(external_error([] { Emulator().run(); }), Catch::Matchers::Contains("not understood"));
  if (before) {
    setenv("MCUNET_EMU", saved.c_str(), 1);
  } else {
    unsetenv("MCUNET_EMU");
  }
  Emulator moved = loaded();
  Emulator emulator = std::move(moved);
  CHECK(emulator.run().exit_code == 0);
}

TEST_CASE("the emulator does not outlive its client", "[emulator]") {
  if (skip()) return;
  const std::string elf = project().elf();
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  // A client that starts an endless run and is killed. Its emulator inherits the pipe, which thus
  // tells us of its end.
  const pid_t client = fork();
  REQUIRE(client >= 0);
  if (client == 0) {
    close(pipe_ends[0]);
    try {
      Emulator emulator;
      emulator.load(elf, EmulatedCore::CortexM7);
      emulator.call("tiny_spin");
    } catch (const Error&) {
    }
    _exit(0);
  }
  close(pipe_ends[1]);
  usleep(500000);
  kill(client, SIGKILL);
  waitpid(client, nullptr, 0);
  alarm(20);  // a failure would block
  char byte;
  CHECK(read(pipe_ends[0], &byte, 1) == 0);
  alarm(0);
  close(pipe_ends[0]);
}
