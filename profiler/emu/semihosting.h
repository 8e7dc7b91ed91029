// SPDX-License-Identifier: GPL-2.0-or-later
// The calls with which firmware reaches its debugger (Arm, "Semihosting for AArch32 and AArch64"),
// as far as a program that prints and exits needs them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "profiler/emu/memory.h"

namespace mcunet::emu {

class Semihosting {
 public:
  // Executes operation r0 with parameter r1 and returns the new r0. Throws std::runtime_error for
  // an operation that is not known and for parameters outside memory.
  uint32_t call(const Memory& memory, uint32_t operation, uint32_t parameter);

  const std::string& output() const { return output_; }
  // Set once the firmware has exited.
  const std::optional<int>& exit_code() const { return exit_code_; }

 private:
  void print(const char* text, size_t size);

  std::string output_;
  std::optional<int> exit_code_;
};

}  // namespace mcunet::emu
