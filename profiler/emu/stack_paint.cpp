// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/stack_paint.h"

#include <cstring>

namespace mcunet::emu {
namespace {

// Depends on the address so that no program writes it by chance.
uint32_t pattern(uint32_t address) { return address * 2654435761u ^ 0x5aa5c33cu; }

}  // namespace

StackPaint::StackPaint(const Memory& memory, uint32_t limit, uint32_t top)
    : memory_(&memory), limit_(limit), top_(top) {
  for (uint32_t address = limit_; address < top_; address += 4) {
    const uint32_t value = pattern(address);
    std::memcpy(memory_->at(address, 4), &value, 4);
  }
}

uint32_t StackPaint::used() const {
  uint32_t address = limit_;
  while (address < top_ && memory_->word(address) == pattern(address)) address += 4;
  return top_ - address;
}

}  // namespace mcunet::emu
