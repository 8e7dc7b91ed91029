// The networks of /work/shared, real ones and descriptions.
#pragma once

#include <filesystem>
#include <string>

#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

// `file` in models/ of the shared directory: a .tflite, or a .json network description (without
// weights).
Graph read_network(const std::filesystem::path& shared, const std::string& file);

}  // namespace mcunet::testing
