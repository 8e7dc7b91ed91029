// SPDX-License-Identifier: GPL-2.0-or-later
// The emulated core's address space, held in host memory so that both sides reach it without
// copying.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mcunet::emu {

class Memory {
 public:
  struct Region {
    uint32_t origin = 0;
    uint64_t size = 0;  // bytes
    uint8_t* bytes = nullptr;
  };

  Memory() = default;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Adds zero-filled memory; origin and end are widened to whole pages of 4 KiB. Throws
  // std::runtime_error when it overlaps another region, is empty or leaves the 32-bit address
  // space.
  const Region& add(uint32_t origin, uint64_t size);
  const std::vector<Region>& regions() const { return regions_; }
  // Where the guest's bytes [address, address + size) lie; null when they are not all in one
  // region.
  uint8_t* find(uint32_t address, uint64_t size) const;
  // As find, but throws std::runtime_error.
  uint8_t* at(uint32_t address, uint64_t size) const;
  uint32_t word(uint32_t address) const;

 private:
  std::vector<Region> regions_;
};

}  // namespace mcunet::emu
