// Descriptions to MCUNet's JSON files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "libmcunet/data/preprocess.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

// The document that read_description() and MCUNet's own ProxylessNASNets.build_from_config() read:
// every field of every layer is written, also those that have their default.
nlohmann::ordered_json description_to_json(const NetworkDescription& network);

// The same as a file's text: indented by 4, with a line end.
std::string write_description(const NetworkDescription& network);
// With how images become its inputs, for described_preprocess() (read.h).
std::string write_description(const NetworkDescription& network, const Preprocess& preprocess);

}  // namespace mcunet::netspec
