// SPDX-License-Identifier: GPL-2.0-or-later
// What slow memory behind caches costs, from the addresses that are executed, read and written.
//
// One bus fills one line at a time. A miss of code or of a load waits until the word it needs
// arrives, which comes first; the rest of the line follows while the core runs on, but the next
// miss waits for it. Stores wait only while another one does. Lines that were written to go back to
// memory after the fill that replaces them. (Cortex-M7 TRM, DDI0489F, 5.9: read- and
// write-allocate, critical word first, non-blocking.) What this leaves out: docs/timing.md.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/emu/cache.h"

namespace mcunet::emu {

struct MemoryCount {
  uint64_t code_misses = 0, load_misses = 0, store_misses = 0;  // lines
  uint64_t write_backs = 0;                                     // lines
  uint64_t code_stalls = 0, data_stalls = 0;                    // cycles

  uint64_t stall_cycles() const { return code_stalls + data_stalls; }
  MemoryCount& operator+=(const MemoryCount& other);
};

// Memory behind the caches; what is not in a list of these costs nothing.
struct SlowMemory {
  uint32_t origin = 0;
  uint64_t size = 0;   // bytes
  uint32_t first = 0;  // cycles until the word that is waited for arrives
  uint32_t line = 0;   // cycles until the line is complete, and the next one can begin
};

struct MemorySystem {
  CacheShape code, data;
  std::vector<SlowMemory> memories;
};

class MemoryTiming {
 public:
  explicit MemoryTiming(const MemorySystem& system);

  // Counts from zero; `cold` empties the caches.
  void begin(bool cold);
  // The code at the address is about to be executed; now: core cycles since begin. Adds what it
  // costs to `count` too.
  void fetch(uint32_t address, uint32_t size, uint64_t now, MemoryCount& count);
  void access(uint32_t address, uint32_t size, bool store, uint64_t now, MemoryCount& count);
  const MemoryCount& count() const { return total_; }  // since begin

 private:
  const SlowMemory* find(uint32_t address) const;
  uint64_t fill(const SlowMemory& memory, uint64_t now, bool writes_back, bool waits);

  Cache code_, data_;
  std::vector<SlowMemory> memories_;
  MemoryCount total_;
  uint64_t bus_free_ = 0;
  uint32_t last_line_ = UINT32_MAX;  // of code, which is there
};

}  // namespace mcunet::emu
