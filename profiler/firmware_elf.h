// Linked firmware that mcunet generated: what it holds, and what it does on the emulated core.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/emulator/emulator.h"

namespace mcunet {

struct FirmwareElf {
  std::string path;
  std::string network;      // the prefix of its names
  bool input_rows = false;  // its input comes row by row
  int64_t flash = 0;        // bytes that are programmed: code, constants, initial data; all of it
  int64_t ram = 0;          // bytes of data, stack included
  int64_t arena = 0;        // of it the network's
  int64_t context = 0;      // likewise
  std::vector<EmulatedMemory> memory;  // that it is linked for, generously
};

// Whether a file begins as an ELF file does.
bool is_elf(const std::vector<uint8_t>& bytes);

// An executable as `make firmware` links it. Throws Error(Input) for a file that is cut off or
// points outside itself, Error(Unsupported) for any other program: not for an ARM core, without
// symbols, or without a network of ours and the firmware around it.
FirmwareElf read_firmware_elf(const std::vector<uint8_t>& bytes, const std::string& path);

// Starts it and measures its second inference on the self-test's input; of a network by rows, one
// more, after it has ended. Throws Error(Mismatch) when the self-test fails, Error(External) when
// it faults or there is no emulator.
Measurement measure_firmware(const FirmwareElf& firmware, EmulatedCore core,
                             const TimingOptions& timing);

}  // namespace mcunet
