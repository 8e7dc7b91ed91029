// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/memory.h"

#include <sys/mman.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "profiler/emu/elf_image.h"

namespace mcunet::emu {

Memory::~Memory() {
  for (const Region& region : regions_) munmap(region.bytes, region.size);
}

const Memory::Region& Memory::add(uint32_t origin, uint64_t size) {
  constexpr uint64_t kPage = 4096;
  if (size == 0 || size > uint64_t{1} << 32 || origin + size > uint64_t{1} << 32) {
    throw std::runtime_error("memory at " + hex(origin) +
                             " is empty or leaves the 32-bit address space");
  }
  const uint64_t begin = origin / kPage * kPage;
  const uint64_t end = (origin + size + kPage - 1) / kPage * kPage;
  for (const Region& region : regions_) {
    if (begin < region.origin + region.size && region.origin < end) {
      throw std::runtime_error("memory at " + hex(origin) + " overlaps the memory at " +
                               hex(region.origin));
    }
  }
  // Untouched pages cost nothing, so that generous regions are free.
  void* bytes = mmap(nullptr, end - begin, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED)
    throw std::runtime_error("not enough host memory for the memory at " + hex(origin));
  regions_.push_back({static_cast<uint32_t>(begin), end - begin, static_cast<uint8_t*>(bytes)});
  return regions_.back();
}

uint8_t* Memory::find(uint32_t address, uint64_t size) const {
  for (const Region& region : regions_) {
    if (address < region.origin) continue;
    const uint64_t offset = address - region.origin;
    if (offset < region.size && size <= region.size - offset) return region.bytes + offset;
  }
  return nullptr;
}

uint8_t* Memory::at(uint32_t address, uint64_t size) const {
  uint8_t* bytes = find(address, size);
  if (!bytes)
    throw std::runtime_error(std::to_string(size) + " bytes at " + hex(address) +
                             " are not in memory");
  return bytes;
}

uint32_t Memory::word(uint32_t address) const {
  uint32_t value;
  std::memcpy(&value, at(address, sizeof value), sizeof value);
  return value;
}

}  // namespace mcunet::emu
