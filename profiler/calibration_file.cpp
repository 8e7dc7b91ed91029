#include "profiler/calibration_file.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;
const char* const kSchema = "mcunet.calibration/1";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

fs::path calibration_path(const std::string& board) {
  const std::string own = variable("MCUNET_CALIBRATION"), config = variable("XDG_CONFIG_HOME"),
                    home = variable("HOME");
  fs::path directory;
  if (!own.empty())
    directory = own;
  else if (!config.empty())
    directory = fs::path(config) / "mcunet" / "calibration";
  else if (!home.empty())
    directory = fs::path(home) / ".config" / "mcunet" / "calibration";
  return directory.empty() ? directory : directory / (board + ".json");
}

Calibration load_calibration(const fs::path& path, const std::string& board) {
  Calibration calibration{board, {}};
  if (path.empty() || !fs::exists(path)) return calibration;
  try {
    const nlohmann::json document = nlohmann::json::parse(read_text_file(path));
    if (document.at("schema") != kSchema || document.at("board") != board)
      throw std::runtime_error("it is not one of " + board);
    for (const nlohmann::json& entry : document.at("networks")) {
      calibration.entries.push_back({entry.at("model"), entry.at("sha256"), entry.at("cycles_from"),
                                     entry.at("measured_cycles"), entry.at("core_cycles")});
      const CalibrationEntry& last = calibration.entries.back();
      if (last.measured_cycles <= 0 || last.core_cycles <= 0)
        throw std::runtime_error("cycles must be positive");
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Input, path.string() + ": not a usable calibration: " + error.what() +
                                      "; remove the file, or measure again with --calibrate");
  }
  return calibration;
}

void add_to_calibration(const fs::path& path, const std::string& board,
                        const CalibrationEntry& entry) {
  Calibration calibration = load_calibration(path, board);
  bool replaced = false;
  for (CalibrationEntry& old : calibration.entries) {
    if (old.sha256 != entry.sha256 || old.cycles_from != entry.cycles_from) continue;
    old = entry;
    replaced = true;
  }
  if (!replaced) calibration.entries.push_back(entry);
  nlohmann::ordered_json document = {
      {"schema", kSchema}, {"board", board}, {"networks", nlohmann::ordered_json::array()}};
  for (const CalibrationEntry& e : calibration.entries) {
    document["networks"].push_back({{"model", e.model},
                                    {"sha256", e.sha256},
                                    {"cycles_from", e.cycles_from},
                                    {"measured_cycles", e.measured_cycles},
                                    {"core_cycles", e.core_cycles}});
  }
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  write_file_atomically(path, document.dump(2) + "\n");
}

}  // namespace mcunet
