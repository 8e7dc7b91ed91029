#include "libmcunet/emulator/board_caches.h"

#include <algorithm>
#include <cassert>

namespace mcunet {
namespace {

constexpr uint32_t kWordsAfterFirst = 7;
// The AXI bus of the STM32H7 runs at half the core's clock; that of others at the core's.
constexpr int64_t kFastestBusHz = 240'000'000;

uint32_t bytes(int64_t size) { return static_cast<uint32_t>(size); }

EmulatedCaches l1_caches(const Board& board) {
  EmulatedCaches caches;
  caches.code = {bytes(board.icache_bytes), 2, 32};
  caches.data = {bytes(board.dcache_bytes), 4, 32};
  const uint32_t bus = board.clock_hz > kFastestBusHz ? 2 : 1;  // core cycles
  for (const MemoryRegion& region : board.regions) {
    if (region.kind == "tcm") continue;
    const auto wait_states =
        region.kind == "flash" ? static_cast<uint32_t>(board.flash_wait_states) : 0;
    const uint32_t first = bus * (1 + wait_states);
    caches.memories.push_back(
        {region.origin, static_cast<uint64_t>(region.size), first, first + bus * kWordsAfterFirst});
  }
  return caches;
}

// The ART accelerator: 8 lines of constants, of 16 bytes on the STM32F4 and 32 on the L4, and as
// many of code as its size gives. Any line can be anywhere; flash delivers 16 bytes at once.
EmulatedCaches flash_accelerator(const Board& board) {
  constexpr uint32_t kDataLines = 8, kFlashWidth = 16;
  EmulatedCaches caches;
  const uint32_t line = std::max(bytes(board.dcache_bytes) / kDataLines, kFlashWidth);
  caches.code = {bytes(board.icache_bytes), bytes(board.icache_bytes) / line, line};
  caches.data = {bytes(board.dcache_bytes), bytes(board.dcache_bytes) / line, line};
  const auto wait = static_cast<uint32_t>(board.flash_wait_states);
  for (const MemoryRegion& region : board.regions) {
    if (region.kind != "flash") continue;
    caches.memories.push_back({region.origin, static_cast<uint64_t>(region.size), wait,
                               (1 + wait) * (line / kFlashWidth)});
  }
  return caches;
}

}  // namespace

EmulatedCaches emulated_caches(const Board& board) {
  assert(!board.is_host());
  return board.core == "cortex-m7" ? l1_caches(board) : flash_accelerator(board);
}

}  // namespace mcunet
