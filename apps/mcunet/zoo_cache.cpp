#include "apps/mcunet/zoo_cache.h"

#include <algorithm>
#include <cstdlib>

#include "libmcunet/support/error.h"

namespace mcunet::app {

std::filesystem::path zoo_cache_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  // The XDG specification: relative paths are not valid and are to be ignored.
  std::filesystem::path base = variable("XDG_CACHE_HOME");
  if (!base.is_absolute()) {
    if (variable("HOME").empty())
      throw Error(ErrorKind::Usage,
                  "no place for downloads: set XDG_CACHE_HOME (or HOME) to a directory");
    base = variable("HOME") / ".cache";
  }
  return base / "mcunet" / "zoo";
}

std::string zoo_tflite(const zoo::ZooNetwork& network) {
  const auto file = std::find_if(
      network.downloads.begin(), network.downloads.end(), [](const zoo::Download& candidate) {
        return std::filesystem::path(candidate.name).extension() == ".tflite";
      });
  if (file == network.downloads.end())
    throw Error(ErrorKind::Usage, "no weights of " + network.net_id + " were published");
  const std::filesystem::path path = zoo_cache_directory() / file->name;
  if (!std::filesystem::is_regular_file(path))
    throw Error(ErrorKind::Input, path.string() +
                                      " is missing: fetch it with 'mcunet zoo download " +
                                      network.net_id + "', or name a .tflite file");
  return path.string();
}

}  // namespace mcunet::app
