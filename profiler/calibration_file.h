// A user's own measurements of a board, kept from one run to the next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mcunet {

// One network that ran on the board.
struct CalibrationEntry {
  std::string model;        // its name, for people
  std::string sha256;       // of the model file; a network counts once
  std::string cycles_from;  // "model" or "emulator"
  int64_t measured_cycles = 0, core_cycles = 0;
};

struct Calibration {
  std::string board;
  std::vector<CalibrationEntry> entries;
};

// BOARD.json in $MCUNET_CALIBRATION, else in mcunet/calibration below $XDG_CONFIG_HOME or
// ~/.config. Empty if none of them is set.
std::filesystem::path calibration_path(const std::string& board);

// No entries if the file does not exist. Throws Error(Input) for one that is no calibration of this
// board.
Calibration load_calibration(const std::filesystem::path& path, const std::string& board);

// Replaces the entry of the same network, creates the directory. Throws Error(Input).
void add_to_calibration(const std::filesystem::path& path, const std::string& board,
                        const CalibrationEntry& entry);

}  // namespace mcunet
