// SPDX-License-Identifier: GPL-2.0-or-later
// A linked ARM firmware: what a flash programmer would write, and its symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace mcunet::emu {

struct Segment {
  uint32_t address =
      0;  // physical: where the bytes lie in flash, not where start-up code copies them to
  std::vector<uint8_t> bytes;
  bool executable = false;
};

struct Symbol {
  uint32_t address = 0;  // without the Thumb bit
  uint32_t size = 0;     // bytes
};

struct Function {
  uint32_t address = 0;  // without the Thumb bit
  uint32_t size = 0;     // bytes; functions without a size (assembly) reach up to the next one
  std::string name;
};

class ElfImage {
 public:
  // Reads a little-endian ELF32 executable for ARM. Throws std::runtime_error when the file is
  // missing, is something else or points outside itself.
  static ElfImage read(const std::string& path);

  uint32_t entry() const { return entry_; }
  const std::vector<Segment>& segments() const { return segments_; }
  // Addresses at which sections of the image begin, ascending: the places where a vector table may
  // be.
  const std::vector<uint32_t>& section_starts() const { return section_starts_; }
  size_t symbol_count() const { return symbols_.size(); }
  // Null when there is no such symbol.
  const Symbol* symbol(const std::string& name) const;
  // The function that holds the address, or null.
  const Function* function_at(uint32_t address) const;
  // The function's name, or the address in hexadecimal.
  std::string describe(uint32_t address) const;

 private:
  uint32_t entry_ = 0;
  std::vector<Segment> segments_;
  std::vector<uint32_t> section_starts_;
  std::unordered_map<std::string, Symbol> symbols_;
  std::vector<Function> functions_;  // ascending, one per address
};

std::string hex(uint32_t value);

}  // namespace mcunet::emu
