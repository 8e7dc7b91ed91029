// Where downloaded networks lie.
#pragma once

#include <filesystem>
#include <string>

#include "libmcunet/zoo/zoo.h"

namespace mcunet::app {

// $XDG_CACHE_HOME/mcunet/zoo, else ~/.cache/mcunet/zoo. Throws Error(Usage) when neither
// XDG_CACHE_HOME nor HOME is set.
std::filesystem::path zoo_cache_directory();

// The network's published .tflite file in the cache. Throws Error(Input), naming the command that
// downloads it, when it is not there; Error(Usage) when none was published.
std::string zoo_tflite(const zoo::ZooNetwork& network);

}  // namespace mcunet::app
