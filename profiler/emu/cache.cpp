// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/cache.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace mcunet::emu {
namespace {

bool is_power_of_two(uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

Cache::Cache(const CacheShape& shape) {
  const bool line_ok = is_power_of_two(shape.line) && shape.line >= 4 && shape.line <= 4096;
  if (!line_ok || shape.size > 1u << 24) throw std::runtime_error("no such cache");
  while (1u << line_bits_ < shape.line) line_bits_++;
  if (shape.size == 0) return;
  const bool ways_ok = shape.ways >= 1 && shape.size % (uint64_t{shape.ways} * shape.line) == 0;
  if (!ways_ok || !is_power_of_two(shape.size / (shape.ways * shape.line))) {
    throw std::runtime_error("a cache of " + std::to_string(shape.size) + " bytes cannot have " +
                             std::to_string(shape.ways) + " ways of lines of " +
                             std::to_string(shape.line) + " bytes");
  }
  ways_ = shape.ways;
  set_mask_ = shape.size / (shape.ways * shape.line) - 1;
  lines_.resize(shape.size / shape.line);
}

Cache::Result Cache::access(uint32_t address, bool write) {
  if (lines_.empty()) return {};
  const uint32_t tag = line_of(address);
  Line* const set = &lines_[size_t{tag & set_mask_} * ways_];
  Line* const end = set + ways_;
  Line* found = std::find_if(set, end, [&](const Line& l) { return l.valid && l.tag == tag; });
  Result result{found != end, false};
  if (!result.hit) {
    found = end - 1;
    result.writes_back = found->valid && found->dirty;
    *found = {tag, true, false};
  }
  found->dirty = found->dirty || write;
  std::rotate(set, found, found + 1);
  return result;
}

void Cache::clear() { std::fill(lines_.begin(), lines_.end(), Line()); }

}  // namespace mcunet::emu
