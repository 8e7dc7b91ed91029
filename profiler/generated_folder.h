// A folder that `mcunet compile` wrote: its manifest, and its firmware.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace mcunet {

struct GeneratedFolder {
  std::filesystem::path path;
  std::string name;                 // prefix of the network's names
  nlohmann::ordered_json manifest;  // "mcunet.manifest/1"
  bool firmware = false;            // compiled with --firmware
};

// Throws Error(Input) where there is no manifest, or it is damaged, or there are several.
GeneratedFolder read_generated_folder(const std::filesystem::path& path);

// `make firmware` on a copy of the folder in `directory`, so that nothing is left in the folder
// itself. The path of the ELF. Throws Error(Usage) for a folder without firmware, Error(External)
// when it cannot be built.
std::filesystem::path build_generated_firmware(const GeneratedFolder& folder,
                                               const std::filesystem::path& directory);

}  // namespace mcunet
