// The boards we compile for: core, clock, memories. Data in configs/boards/*.json, compiled into
// the binary; users add their own as a file of the same form (docs: "mcunet board").
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace mcunet {

struct MemoryRegion {
  std::string name;     // "sram1"
  uint32_t origin = 0;  // address
  int64_t size = 0;     // bytes
  std::string kind;     // "tcm" (at core speed, no cache), "sram" or "flash"
};

bool operator==(const MemoryRegion& a, const MemoryRegion& b);

struct Board {
  std::string name;                  // "stm32f746"
  std::string title;                 // "STM32F746G-DISCO (STM32F746NG)"
  std::vector<std::string> aliases;  // other names that find_board() knows
  std::string core;                  // "cortex-m4", "cortex-m7", "cortex-m33" or "host"
  int64_t clock_hz = 0;              // 0 for the host: no time is estimated
  int64_t sram_bytes = 0;   // budget for arena, statics and stack: the largest contiguous memory
  int64_t flash_bytes = 0;  // budget for code and constants
  std::vector<MemoryRegion> regions;
  std::vector<std::string>
      data_regions;  // adjacent ones that make up sram_bytes; lowest address first
  std::vector<std::string> flash_regions;  // likewise flash_bytes
  int64_t icache_bytes = 0;                // 0: none
  int64_t dcache_bytes = 0;
  int flash_wait_states = 0;  // at clock_hz
  std::string
      startup;  // start-up code: "stm32f7" (PLL at 216 MHz, caches) or "generic" (reset clock)
  std::vector<std::string> sources;  // where each figure is from
  std::vector<std::string>
      notes;  // what a user should know, such as memory that the budget leaves out

  bool is_host() const { return core == "host"; }
};

bool operator==(const Board& a, const Board& b);

// The region that arena, statics and stack go to, named "ram": the data regions as one, its size
// sram_bytes. A larger sram_bytes (--sram) makes it larger. Not for the host.
MemoryRegion data_memory(const Board& board);
// The region of code and constants, named "flash"; likewise.
MemoryRegion flash_memory(const Board& board);

// All built-in boards, by name.
std::vector<Board> list_boards();

// A built-in board by name or alias, in any case; or the path of a board file (ends in ".json").
// Throws Error(Usage) with near names and the list of boards, or what board_from_json() throws.
Board find_board(const std::string& name);

// Throws Error(Usage) with every problem found (missing, unknown and wrong fields, regions that do
// not add up). `place` names the document in the messages. Sizes may be numbers of bytes or strings
// for parse_size(), addresses numbers or hexadecimal strings. Without "regions", RAM is taken at
// 0x20000000 and flash at 0x08000000.
Board board_from_json(const nlohmann::json& document, const std::string& place);
nlohmann::ordered_json board_to_json(const Board& board);

}  // namespace mcunet
