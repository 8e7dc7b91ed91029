// MCUNet's JSON files to descriptions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmcunet/data/preprocess.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

// Reads a description of a ProxylessNASNets network and checks that it is sound. Fields that a
// layer's constructor in MCUNet has a default for may be missing; fields that a layer does not have
// are refused; further fields of the network itself (accuracies, notes) are passed over. `place` is
// the file's name for messages. Throws, with every problem found, Error(Input) for text that is no
// such description and Error(Unsupported) for layers, activations and options that mcunet does not
// build.
NetworkDescription read_description(std::string_view text, const std::string& place);

// How the network's images are prepared, where the description says so: "preprocess", a document as
// --preprocess takes it. MCUNet's own files have none, and its tools pass it over. Throws
// Error(Usage) when it is not sound.
std::optional<Preprocess> described_preprocess(std::string_view text, const std::string& place);

}  // namespace mcunet::netspec
