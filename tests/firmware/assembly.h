// Small firmwares made of assembly, for tests of the emulated core's timing.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmcunet/emulator/emulator.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"

namespace mcunet::testing {

constexpr uint32_t kBuffer = 0x20010000;  // memory of the emulated core, above the stack

inline bool assembler_available() {
  return Emulator::available() && find_program("arm-none-eabi-as") &&
         find_program("arm-none-eabi-ld");
}

class Assembly {
 public:
  // A function that keeps r4 to r11. r0 to r3 are its arguments, the others 0.
  void add(const std::string& name, const std::string& body) {
    add_raw(name, "push {r4-r11, lr}\n" + body + "\npop {r4-r11, pc}\n");
  }
  void add_raw(const std::string& name, const std::string& text) {
    text_ += ".global " + name + "\n.thumb_func\n.type " + name + ", %function\n" + name + ":\n" +
             text + "\n.size " + name + ", . - " + name + "\n.ltorg\n";
  }

  // Throws Error(External) when the emulator does, and std::runtime_error with the assembler's
  // message.
  Emulator load(EmulatedCore core = EmulatedCore::CortexM7,
                const TimingOptions& timing = {}) const {
    const std::string source = directory_.path() / "a.s", object = directory_.path() / "a.o",
                      elf = directory_.path() / "a.elf";
    write_file_atomically(source,
                          ".syntax unified\n.thumb\n"
                          ".section .vectors, \"a\"\n.word 0x20008000\n.word reset + 1\n"
                          ".text\n.thumb_func\n.type reset, %function\nreset: b main\n"
                          ".global main\n.thumb_func\n.type main, %function\nmain: b main\n" +
                              text_);
    run({"arm-none-eabi-as", "-mcpu=cortex-m7", "-mfpu=fpv5-d16", source, "-o", object});
    run({"arm-none-eabi-ld", "-Ttext=0x08000100", "--section-start=.vectors=0x08000000", "-e",
         "reset", object, "-o", elf});
    Emulator emulator;
    emulator.load(elf, core, {}, timing);
    return emulator;
  }

 private:
  static void run(const std::vector<std::string>& command) {
    const ProcessResult result = run_process(command);
    if (!result.ok()) throw std::runtime_error(command[0] + ": " + result.errors);
  }

  std::string text_;
  TemporaryDirectory directory_;
};

}  // namespace mcunet::testing
