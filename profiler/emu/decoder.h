// SPDX-License-Identifier: GPL-2.0-or-later
// Thumb-2 code as the timing rules see it (instruction.h), decoded with Capstone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "profiler/emu/instruction.h"

namespace mcunet::emu {

class Decoder {
 public:
  // Throws std::runtime_error when Capstone cannot be started.
  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // The instructions of a basic block. Bytes that are no instruction become one of kind System, of
  // the length that their first halfword says.
  std::vector<Instruction> decode(uint32_t address, const uint8_t* code, size_t size);

 private:
  size_t handle_ = 0;  // csh
};

}  // namespace mcunet::emu
