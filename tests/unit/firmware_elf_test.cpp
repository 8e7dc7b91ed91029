// ELF files that are cut off, damaged or of others end in an Error, never otherwise.
#include "profiler/firmware_elf.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "libmcunet/support/error.h"
#include "libmcunet/support/random.h"

using namespace mcunet;

namespace {

// Writes little-endian fields.
class Image {
 public:
  explicit Image(size_t size) : bytes(size, 0) {}
  void half(size_t at, uint32_t value) {
    bytes.at(at) = static_cast<uint8_t>(value);
    bytes.at(at + 1) = static_cast<uint8_t>(value >> 8U);
  }
  void word(size_t at, uint32_t value) {
    half(at, value);
    half(at + 2, value >> 16U);
  }
  std::vector<uint8_t> bytes;
};

// An executable for ARM with three symbols, one loaded segment and sections .text, .bss.
std::vector<uint8_t> small_elf(const std::string& network = "net") {
  constexpr size_t kHeaders = 52, kSections = 100, kNames = 400, kSymbolsAt = 600;
  Image image(800);
  std::memcpy(image.bytes.data(),
              "\x7F"
              "ELF\x01\x01\x01",
              7);
  image.half(16, 2);
  image.half(18, 40);
  image.word(28, kHeaders);
  image.word(32, kSections);
  image.half(42, 32);
  image.half(44, 1);
  image.half(46, 40);
  image.half(48, 4);
  const uint32_t segment[] = {1, 0, 0x08000000, 0x08000000, 100, 100, 5, 4};
  for (size_t i = 0; i < 8; ++i) image.word(kHeaders + 4 * i, segment[i]);
  const auto section = [&](size_t index, uint32_t type, uint32_t flags, uint32_t offset,
                           uint32_t size, uint32_t link) {
    const size_t at = kSections + 40 * index;
    image.word(at + 4, type);
    image.word(at + 8, flags);
    image.word(at + 16, offset);
    image.word(at + 20, size);
    image.word(at + 24, link);
  };
  section(0, 1, 6, 0, 100, 0);              // .text
  section(1, 8, 3, 0, 5000, 0);             // .bss
  section(2, 2, 0, kSymbolsAt, 3 * 16, 3);  // .symtab
  section(3, 3, 0, kNames, 200, 0);         // .strtab
  size_t at = kNames + 1, symbol = kSymbolsAt;
  const std::pair<const char*, uint32_t> symbols[] = {
      {"_firmware_context", 8}, {"_firmware_arena", 4096}, {"_invoke", 20}};
  for (const auto& [suffix, size] : symbols) {
    const std::string name = network + suffix;
    std::memcpy(image.bytes.data() + at, name.data(), name.size());
    image.word(symbol, static_cast<uint32_t>(at - kNames));
    image.word(symbol + 8, size);
    at += name.size() + 1;
    symbol += 16;
  }
  return image.bytes;
}

ErrorKind refusal(const std::vector<uint8_t>& bytes) {
  try {
    read_firmware_elf(bytes, "f.elf");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).rfind("f.elf: ", 0) == 0);
    return error.kind();
  }
  FAIL("it was taken");
  return ErrorKind::Internal;
}

}  // namespace

TEST_CASE("what a firmware holds", "[elf]") {
  const FirmwareElf firmware = read_firmware_elf(small_elf(), "f.elf");
  CHECK(firmware.network == "net");
  CHECK(firmware.flash == 100);
  CHECK(firmware.ram == 5000);
  CHECK(firmware.arena == 4096);
  CHECK(firmware.context == 8);
  CHECK_FALSE(firmware.input_rows);
  REQUIRE(firmware.memory.size() == 1);
  CHECK(firmware.memory[0].origin == 0x08000000);
  CHECK(is_elf(small_elf()));
  CHECK_FALSE(is_elf({0x7F, 'E', 'L'}));
}

TEST_CASE("other programs and broken files are refused", "[elf]") {
  std::vector<uint8_t> other = small_elf();
  SECTION("for another processor") { other[18] = 62; }
  SECTION("of 64 bits") { other[4] = 2; }
  SECTION("an object file") { other[16] = 1; }
  SECTION("no symbols") { other[100 + 2 * 40 + 4] = 1; }
  SECTION("without our firmware") { other = small_elf(""); }
  CHECK(refusal(other) == ErrorKind::Unsupported);
}

TEST_CASE("an ELF file cut off anywhere, or with any bytes changed, is an Error or is read",
          "[elf]") {
  const std::vector<uint8_t> whole = small_elf();
  for (const size_t size : {20, 40, 60, 150, 300, 500, 640})
    CHECK(refusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}) ==
          ErrorKind::Input);
  SplitMix64 random(7);
  size_t refused = 0;
  for (int trial = 0; trial < 5000; ++trial) {
    std::vector<uint8_t> changed = whole;
    for (int i = 0; i < 3; ++i)
      changed[random.below(changed.size())] = static_cast<uint8_t>(random.below(256));
    try {
      read_firmware_elf(changed, "f.elf");
    } catch (const Error& error) {
      ++refused;
      CHECK((error.kind() == ErrorKind::Input || error.kind() == ErrorKind::Unsupported));
    }
  }
  CHECK(refused > 100);
}
