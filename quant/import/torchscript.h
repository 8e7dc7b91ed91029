// TorchScript files to float graphs. The function itself is in the LibTorch module (quant/import/
// torch): import.h loads it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::import {

struct TorchScriptOptions {
  std::string name = "network";       // the graph's
  std::optional<Shape> input_shape;   // of the only input, [n, c, h, w] for images
  std::optional<int32_t> resolution;  // rows and columns, where the file knows the rest
};

// The module's function. It is compiled by the same compiler and throws as read_torchscript() does.
using ReadTorchScript = std::unique_ptr<Graph>(const std::vector<uint8_t>& bytes,
                                               const TorchScriptOptions& options);
inline constexpr const char* kReadTorchScript = "mcunet_read_torchscript";

}  // namespace mcunet::import
