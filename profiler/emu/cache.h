// SPDX-License-Identifier: GPL-2.0-or-later
// Which lines a set-associative cache holds; least recently used lines leave first.
#pragma once

#include <cstdint>
#include <vector>

namespace mcunet::emu {

struct CacheShape {
  uint32_t size = 0;  // bytes; 0: there is no cache, and every access misses
  uint32_t ways = 1;
  uint32_t line = 32;  // bytes
};

class Cache {
 public:
  struct Result {
    bool hit = false;
    bool writes_back = false;  // a line that was written to had to leave
  };

  // Throws std::runtime_error unless line and number of sets are powers of two and 1 <= ways.
  explicit Cache(const CacheShape& shape);

  // Reads or writes the line that holds the address, which is in the cache afterwards.
  Result access(uint32_t address, bool write);
  void clear();
  uint32_t line_of(uint32_t address) const { return address >> line_bits_; }
  uint32_t line_bits() const { return line_bits_; }

 private:
  struct Line {
    uint32_t tag = 0;
    bool valid = false, dirty = false;
  };

  uint32_t ways_ = 0, set_mask_ = 0, line_bits_ = 0;
  std::vector<Line> lines_;  // by set, most recently used first
};

}  // namespace mcunet::emu
