// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/elf_image.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace mcunet::emu {
namespace {

constexpr uint32_t kExecutable = 1, kLoad = 1, kSymbolTable = 2, kProgramBits = 1, kAllocated = 2;
constexpr uint16_t kTypeExecutable = 2, kMachineArm = 40;
constexpr unsigned kTypeFunction = 2, kTypeObject = 1, kTypeNone = 0;

// The file's bytes; every access is checked, because the file may be anything.
class Bytes {
 public:
  explicit Bytes(std::vector<uint8_t> data) : data_(std::move(data)) {}

  const uint8_t* at(uint64_t offset, uint64_t size) const {
    if (offset > data_.size() || size > data_.size() - offset) {
      throw std::runtime_error("corrupt ELF file: it refers to bytes beyond its end");
    }
    return data_.data() + offset;
  }
  uint16_t u16(uint64_t offset) const {
    const uint8_t* p = at(offset, 2);
    return static_cast<uint16_t>(p[0] | p[1] << 8);
  }
  uint32_t u32(uint64_t offset) const {
    const uint8_t* p = at(offset, 4);
    return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24;
  }

 private:
  std::vector<uint8_t> data_;
};

struct Section {
  uint32_t type, flags, address, offset, size, link;
};

struct RawSymbol {
  Function function;
  unsigned binding;
};

std::vector<Section> read_sections(const Bytes& file) {
  const uint32_t offset = file.u32(32);
  const uint16_t entry_size = file.u16(46), count = file.u16(48);
  std::vector<Section> sections;
  if (offset == 0 || count == 0) return sections;
  if (entry_size < 40) throw std::runtime_error("corrupt ELF file: section headers are too small");
  for (uint16_t i = 0; i < count; i++) {
    const uint64_t at = offset + uint64_t{i} * entry_size;
    sections.push_back({file.u32(at + 4), file.u32(at + 8), file.u32(at + 12), file.u32(at + 16),
                        file.u32(at + 20), file.u32(at + 24)});
  }
  return sections;
}

std::string read_name(const Bytes& file, const Section& strings, uint32_t index) {
  if (index >= strings.size)
    throw std::runtime_error("corrupt ELF file: a symbol's name lies outside its table");
  const char* begin = reinterpret_cast<const char*>(
      file.at(uint64_t{strings.offset} + index, strings.size - index));
  return std::string(begin, strnlen(begin, strings.size - index));
}

// Several names may share an address (weak aliases): the global one is what a reader of the source
// expects.
unsigned rank(const RawSymbol& symbol) {
  if (symbol.binding == 1) return 0;
  return symbol.binding == 2 ? 1 : 2;
}

std::vector<Function> order_functions(std::vector<RawSymbol> raw) {
  std::sort(raw.begin(), raw.end(), [](const RawSymbol& a, const RawSymbol& b) {
    if (a.function.address != b.function.address) return a.function.address < b.function.address;
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return a.function.name < b.function.name;
  });
  std::vector<Function> functions;
  for (RawSymbol& symbol : raw) {
    if (!functions.empty() && functions.back().address == symbol.function.address) {
      functions.back().size = std::max(functions.back().size, symbol.function.size);
    } else {
      functions.push_back(std::move(symbol.function));
    }
  }
  for (size_t i = 0; i < functions.size(); i++) {
    if (functions[i].size != 0) continue;
    const uint32_t next =
        i + 1 < functions.size() ? functions[i + 1].address : functions[i].address + 4096;
    functions[i].size = std::min<uint32_t>(next - functions[i].address, 4096);
  }
  return functions;
}

}  // namespace

std::string hex(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

ElfImage ElfImage::read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path + ": " + std::strerror(errno));
  const Bytes file(std::vector<uint8_t>(std::istreambuf_iterator<char>(stream), {}));
  if (std::memcmp(file.at(0, 16),
                  "\x7f"
                  "ELF\x01\x01",
                  6) != 0) {
    throw std::runtime_error(path + " is not a 32-bit little-endian ELF file");
  }
  if (file.u16(18) != kMachineArm || file.u16(16) != kTypeExecutable) {
    throw std::runtime_error(path + " is not a linked ARM program");
  }

  ElfImage image;
  image.entry_ = file.u32(24);
  const uint32_t programs = file.u32(28);
  const uint16_t program_size = file.u16(42), program_count = file.u16(44);
  if (program_count > 0 && program_size < 32)
    throw std::runtime_error("corrupt ELF file: program headers too small");
  const std::vector<Section> sections = read_sections(file);
  for (uint16_t i = 0; i < program_count; i++) {
    const uint64_t at = programs + uint64_t{i} * program_size;
    const uint32_t offset = file.u32(at + 4), virtual_address = file.u32(at + 8),
                   size = file.u32(at + 16);
    if (file.u32(at) != kLoad || size == 0) continue;
    Segment segment;
    segment.address = file.u32(at + 12);
    segment.executable = file.u32(at + 24) & kExecutable;
    if (uint64_t{segment.address} + size > uint64_t{1} << 32 || size > file.u32(at + 20)) {
      throw std::runtime_error("corrupt ELF file: a segment is larger than its memory");
    }
    const uint8_t* begin = file.at(offset, size);
    segment.bytes.assign(begin, begin + size);
    image.section_starts_.push_back(segment.address);
    for (const Section& section : sections) {
      const bool inside =
          section.address >= virtual_address && section.address - virtual_address < size;
      if (inside && section.type == kProgramBits && (section.flags & kAllocated)) {
        image.section_starts_.push_back(section.address - virtual_address + segment.address);
      }
    }
    image.segments_.push_back(std::move(segment));
  }
  if (image.segments_.empty()) throw std::runtime_error(path + " has nothing to load");
  std::sort(image.section_starts_.begin(), image.section_starts_.end());

  std::vector<RawSymbol> functions;
  for (const Section& section : sections) {
    if (section.type != kSymbolTable) continue;
    if (section.link >= sections.size())
      throw std::runtime_error("corrupt ELF file: symbols without names");
    const Section& strings = sections[section.link];
    for (uint32_t offset = 16; section.size >= 16 && offset <= section.size - 16; offset += 16) {
      const uint64_t at = uint64_t{section.offset} + offset;
      const uint8_t info = *file.at(at + 12, 1);
      const unsigned type = info & 15;
      const bool defined = file.u16(at + 14) != 0;
      const std::string name = read_name(file, strings, file.u32(at));
      // Names with a dollar are the assembler's marks for code and data.
      if (!defined || name.empty() || name[0] == '$' ||
          (type != kTypeFunction && type != kTypeObject && type != kTypeNone)) {
        continue;
      }
      Symbol symbol{file.u32(at + 4), file.u32(at + 8)};
      if (type == kTypeFunction) {
        symbol.address &= ~1u;
        functions.push_back(
            {{symbol.address, symbol.size, name}, static_cast<unsigned>(info >> 4)});
      }
      // A local symbol must not hide a global one of the same name.
      if (info >> 4 == 0) {
        image.symbols_.emplace(name, symbol);
      } else {
        image.symbols_[name] = symbol;
      }
    }
  }
  image.functions_ = order_functions(std::move(functions));
  return image;
}

const Symbol* ElfImage::symbol(const std::string& name) const {
  const auto found = symbols_.find(name);
  return found == symbols_.end() ? nullptr : &found->second;
}

const Function* ElfImage::function_at(uint32_t address) const {
  auto after =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](uint32_t value, const Function& f) { return value < f.address; });
  if (after == functions_.begin()) return nullptr;
  const Function& function = *std::prev(after);
  return address - function.address < function.size ? &function : nullptr;
}

std::string ElfImage::describe(uint32_t address) const {
  const Function* function = function_at(address);
  return function ? function->name : hex(address);
}

}  // namespace mcunet::emu
