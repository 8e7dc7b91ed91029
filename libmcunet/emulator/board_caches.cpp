#include "libmcunet/emulator/board_caches.h"

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

// Any line can be anywhere in the ART accelerator.
EmulatedCaches flash_accelerator(const Board& board) {
  constexpr uint32_t kLine = 16;
  EmulatedCaches caches;
  caches.code = {bytes(board.icache_bytes), bytes(board.icache_bytes) / kLine, kLine};
  caches.data = {bytes(board.dcache_bytes), bytes(board.dcache_bytes) / kLine, kLine};
  const auto wait = static_cast<uint32_t>(board.flash_wait_states);
  for (const MemoryRegion& region : board.regions) {
    if (region.kind != "flash") continue;
    caches.memories.push_back({region.origin, static_cast<uint64_t>(region.size), wait, 1 + wait});
  }
  return caches;
}

}  // namespace

EmulatedCaches emulated_caches(const Board& board) {
  assert(!board.is_host());
  return board.core == "cortex-m7" ? l1_caches(board) : flash_accelerator(board);
}

}  // namespace mcunet
