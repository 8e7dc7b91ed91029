#include "profiler/firmware_elf.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "libmcunet/support/error.h"
#include "profiler/execution.h"

namespace mcunet {
namespace {

constexpr uint16_t kExecutable = 2, kArm = 40;
constexpr uint32_t kLoad = 1;                      // program header
constexpr uint32_t kSymbols = 2, kNoBits = 8;      // section headers
constexpr uint32_t kWritable = 1, kAllocated = 2;  // flags of sections

// Little-endian fields of an ELF32 file (System V ABI, chapter 4).
class Reader {
 public:
  Reader(const std::vector<uint8_t>& bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  uint32_t word(uint64_t at) const { return half(at) | static_cast<uint32_t>(half(at + 2)) << 16U; }
  uint16_t half(uint64_t at) const {
    require(at, 2);
    return static_cast<uint16_t>(bytes_[at] | bytes_[at + 1] << 8U);
  }
  std::string text(uint64_t at) const {
    require(at, 1);
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at);
    return {from, std::find(from, bytes_.end(), 0)};
  }
  void require(uint64_t at, uint64_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at)
      throw Error(ErrorKind::Input, path_ + ": the ELF file is cut off or damaged");
  }

 private:
  const std::vector<uint8_t>& bytes_;
  const std::string& path_;
};

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::Unsupported,
              path + ": " + reason +
                  "; profile takes firmware of mcunet compile --firmware (make firmware)");
}

// Sizes by name.
std::map<std::string, int64_t> symbols_of(const Reader& file) {
  std::map<std::string, int64_t> symbols;
  const uint32_t sections = file.word(32);
  const uint16_t size = file.half(46), count = file.half(48);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t section = sections + i * size;
    if (file.word(section + 4) != kSymbols) continue;
    const uint32_t offset = file.word(section + 16), bytes = file.word(section + 20);
    const uint64_t names_section = sections + uint64_t{file.word(section + 24)} * size;
    const uint32_t names = file.word(names_section + 16);
    file.require(offset, bytes);
    for (uint64_t at = offset; at + 16 <= uint64_t{offset} + bytes; at += 16) {
      const std::string name = file.text(uint64_t{names} + file.word(at));
      if (!name.empty()) symbols[name] = file.word(at + 8);
    }
  }
  return symbols;
}

// Code, constants and initial data are in the file; of what is written at run time all counts.
void add_sections(const Reader& file, FirmwareElf& firmware) {
  const uint32_t sections = file.word(32);
  const uint16_t size = file.half(46), count = file.half(48);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t section = sections + i * size;
    const uint32_t flags = file.word(section + 8), bytes = file.word(section + 20);
    if ((flags & kAllocated) == 0) continue;
    if (file.word(section + 4) != kNoBits) firmware.flash += bytes;
    if ((flags & kWritable) != 0) firmware.ram += bytes;
  }
}

// Whole windows around what is loaded, so that there is room for stack and heap.
void add_memory(const Reader& file, FirmwareElf& firmware) {
  constexpr uint32_t kWindow = 16U << 20U;
  std::vector<uint32_t> windows;
  const uint32_t headers = file.word(28);
  const uint16_t size = file.half(42), count = file.half(44);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t header = headers + i * size;
    if (file.word(header) != kLoad) continue;
    for (const uint64_t field : {8, 12}) {  // where it runs, and where it is programmed
      const uint32_t first = file.word(header + field);
      const uint64_t last = uint64_t{first} + std::max<uint32_t>(file.word(header + 20), 1) - 1;
      for (uint64_t window = first / kWindow; window <= std::min<uint64_t>(last / kWindow, 255);
           ++window)
        windows.push_back(static_cast<uint32_t>(window * kWindow));
    }
  }
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  for (const uint32_t origin : windows) firmware.memory.push_back({origin, kWindow});
}

}  // namespace

bool is_elf(const std::vector<uint8_t>& bytes) {
  static const char magic[] = {0x7F, 'E', 'L', 'F'};
  return bytes.size() >= sizeof magic && std::memcmp(bytes.data(), magic, sizeof magic) == 0;
}

FirmwareElf read_firmware_elf(const std::vector<uint8_t>& bytes, const std::string& path) {
  const Reader file(bytes, path);
  file.require(0, 20);
  constexpr uint8_t k32Bit = 1, kLittleEndian = 1;
  if (bytes[4] != k32Bit || bytes[5] != kLittleEndian || file.half(18) != kArm)
    refuse(path, "not a program for a 32-bit ARM core");
  file.require(0, 52);
  if (file.half(16) != kExecutable) refuse(path, "not linked to an executable");
  const std::map<std::string, int64_t> symbols = symbols_of(file);
  if (symbols.empty()) refuse(path, "no symbols (stripped?)");
  FirmwareElf firmware;
  firmware.path = path;
  const std::string suffix = "_firmware_context";
  for (const auto& [name, size] : symbols) {
    if (name.size() <= suffix.size() ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
      continue;
    const std::string network = name.substr(0, name.size() - suffix.size());
    const auto arena = symbols.find(network + "_firmware_arena");
    if (arena == symbols.end() || symbols.count(network + "_invoke") == 0) continue;
    firmware.network = network;
    firmware.arena = arena->second;
    firmware.context = size;
    firmware.input_rows = symbols.count(network + "_row_done") != 0;
  }
  if (firmware.network.empty()) refuse(path, "no network of mcunet with its firmware in it");
  add_sections(file, firmware);
  add_memory(file, firmware);
  return firmware;
}

Measurement measure_firmware(const FirmwareElf& firmware, EmulatedCore core,
                             const TimingOptions& timing) {
  Emulator emulator;
  emulator.load(firmware.path, core, firmware.memory, timing);
  RunOptions options;
  const std::string& name = firmware.network;
  if (!firmware.input_rows) {
    options.measure = name + "_invoke";
    options.occurrence = 3;  // the self-test's, then two on its input: the second of those
  }
  const RunResult result = emulator.run(options);
  if (result.exit_code != 0) {
    throw Error(ErrorKind::Mismatch, firmware.path + " on the emulated core ended with exit code " +
                                         std::to_string(result.exit_code) + ": " + result.output);
  }
  if (!firmware.input_rows) {
    if (!result.measured) {
      throw Error(ErrorKind::External, firmware.path + " did not call " + options.measure +
                                           " three times, as the main of mcunet compile does");
    }
    return *result.measured;
  }
  // The self-test's last row stays where it is: what a row holds takes no time.
  const uint32_t context = emulator.symbol(name + "_firmware_context").address;
  emulator.call(name + "_restart", {context});
  Measurement sum;
  while (emulator.call(name + "_rows_wanted", {context}).r0 != 0)
    append(sum, emulator.call(name + "_row_done", {context}).measured);
  append(sum, emulator.call(name + "_invoke", {context}).measured);
  std::stable_sort(sum.functions.begin(), sum.functions.end(),
                   [](const FunctionCount& a, const FunctionCount& b) {
                     return a.instructions > b.instructions;
                   });
  return sum;
}

}  // namespace mcunet
