// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/semihosting.h"

#include <cstring>
#include <stdexcept>

#include "profiler/emu/elf_image.h"

namespace mcunet::emu {
namespace {

constexpr uint32_t kConsole = 1;
constexpr uint32_t kApplicationExit = 0x20026;
constexpr uint32_t kFailed = 0xffffffffu;
constexpr size_t kOutputLimit = size_t{64} << 20;

}  // namespace

void Semihosting::print(const char* text, size_t size) {
  if (size > kOutputLimit - output_.size())
    throw std::runtime_error("the firmware printed more than 64 MiB");
  output_.append(text, size);
}

uint32_t Semihosting::call(const Memory& memory, uint32_t operation, uint32_t parameter) {
  switch (operation) {
    case 0x01: {  // SYS_OPEN: only the console
      const uint32_t length = memory.word(parameter + 8);
      const uint8_t* name = memory.at(memory.word(parameter), length);
      return length == 3 && std::memcmp(name, ":tt", 3) == 0 ? kConsole : kFailed;
    }
    case 0x02:  // SYS_CLOSE
      return 0;
    case 0x03:  // SYS_WRITEC
      print(reinterpret_cast<const char*>(memory.at(parameter, 1)), 1);
      return 0;
    case 0x04: {  // SYS_WRITE0
      uint32_t end = parameter;
      while (*memory.at(end, 1) != 0) end++;
      print(reinterpret_cast<const char*>(memory.at(parameter, end - parameter + 1)),
            end - parameter);
      return 0;
    }
    case 0x05: {  // SYS_WRITE: returns the number of bytes that were not written
      const uint32_t size = memory.word(parameter + 8);
      if (memory.word(parameter) != kConsole) return size;
      print(reinterpret_cast<const char*>(memory.at(memory.word(parameter + 4), size)), size);
      return 0;
    }
    case 0x09:  // SYS_ISTTY
      return memory.word(parameter) == kConsole ? 1 : 0;
    case 0x13:  // SYS_ERRNO
      return 0;
    case 0x18:  // SYS_EXIT
      exit_code_ = parameter == kApplicationExit ? 0 : 1;
      return 0;
    case 0x20:  // SYS_EXIT_EXTENDED
      exit_code_ = memory.word(parameter) == kApplicationExit
                       ? static_cast<int>(memory.word(parameter + 4))
                       : 1;
      return 0;
    default:
      throw std::runtime_error("semihosting operation " + hex(operation) + " is not supported");
  }
}

}  // namespace mcunet::emu
