// SPDX-License-Identifier: GPL-2.0-or-later
// How much stack a call uses: the free part is painted before it, and what is left of the paint is
// looked for afterwards.
#pragma once

#include <cstdint>

#include "profiler/emu/memory.h"

namespace mcunet::emu {

class StackPaint {
 public:
  // Paints [limit, top); both are addresses of words in one region of memory.
  StackPaint(const Memory& memory, uint32_t limit, uint32_t top);
  // Bytes from the lowest word that changed up to the top.
  uint32_t used() const;

 private:
  const Memory* memory_;
  uint32_t limit_, top_;
};

}  // namespace mcunet::emu
