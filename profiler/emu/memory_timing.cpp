// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/memory_timing.h"

#include <algorithm>

namespace mcunet::emu {

MemoryCount& MemoryCount::operator+=(const MemoryCount& other) {
  code_misses += other.code_misses;
  load_misses += other.load_misses;
  store_misses += other.store_misses;
  write_backs += other.write_backs;
  code_stalls += other.code_stalls;
  data_stalls += other.data_stalls;
  return *this;
}

MemoryTiming::MemoryTiming(const MemorySystem& system)
    : code_(system.code), data_(system.data), memories_(system.memories) {}

void MemoryTiming::begin(bool cold) {
  total_ = MemoryCount();
  bus_free_ = 0;
  last_line_ = UINT32_MAX;
  if (!cold) return;
  code_.clear();
  data_.clear();
}

const SlowMemory* MemoryTiming::find(uint32_t address) const {
  for (const SlowMemory& memory : memories_) {
    if (address - memory.origin < memory.size) return &memory;
  }
  return nullptr;
}

// Returns how long the core waits.
uint64_t MemoryTiming::fill(const SlowMemory& memory, uint64_t now, bool writes_back, bool waits) {
  const uint64_t start = std::max(now, bus_free_);
  bus_free_ = start + memory.line + (writes_back ? memory.line : 0);
  if (waits) return start + memory.first - now;
  // A second line fill can be outstanding, a third cannot.
  return start > now + memory.line ? start - now - memory.line : 0;
}

void MemoryTiming::fetch(uint32_t address, uint32_t size, uint64_t now, MemoryCount& count) {
  const uint32_t first = code_.line_of(address), last = code_.line_of(address + size - 1);
  if (first == last_line_ && first == last) return;
  const SlowMemory* memory = find(address);
  last_line_ = last;
  if (!memory) return;
  MemoryCount added;
  for (uint32_t line = first; line <= last; line++) {
    if (code_.access(line << code_.line_bits(), false).hit) continue;
    added.code_misses++;
    added.code_stalls +=
        fill(*memory, now + total_.stall_cycles() + added.code_stalls, false, true);
  }
  count += added;
  total_ += added;
}

void MemoryTiming::access(uint32_t address, uint32_t size, bool store, uint64_t now,
                          MemoryCount& count) {
  const SlowMemory* memory = find(address);
  if (!memory) return;
  const uint32_t first = data_.line_of(address), last = data_.line_of(address + size - 1);
  for (uint32_t line = first; line <= last; line++) {
    const Cache::Result result = data_.access(line << data_.line_bits(), store);
    if (result.hit) continue;
    MemoryCount added;
    (store ? added.store_misses : added.load_misses)++;
    added.write_backs += result.writes_back;
    added.data_stalls = fill(*memory, now + total_.stall_cycles(), result.writes_back, !store);
    count += added;
    total_ += added;
  }
}

}  // namespace mcunet::emu
