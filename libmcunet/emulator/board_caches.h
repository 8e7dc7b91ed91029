// The caches and slow memories of a board, for the emulated core.
#pragma once

#include "libmcunet/board/board.h"
#include "libmcunet/emulator/emulator.h"

namespace mcunet {

// Cortex-M7: code and data pass through the L1 caches (2 and 4 ways, lines of 32 bytes: Cortex-M7
// TRM), except in TCM. Flash answers after its wait states, SRAM in the next bus cycle; then come
// the other seven words of the line, one per bus cycle. Cortex-M4 of the STM32F4 and L4: flash
// passes through the ART accelerator; SRAM answers at once. Where the figures are from and what
// they leave out: docs/timing.md. Not for the host.
EmulatedCaches emulated_caches(const Board& board);

}  // namespace mcunet
