// Float networks from wherever they come, as graphs: the way into quantization and evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::import {

struct ImportOptions {
  // Weights of a network description: a PyTorch state dict. Descriptions need one, others must have
  // none.
  std::string checkpoint;
  // Of the only input, in the framework's order of dimensions ([n, c, h, w] from PyTorch and ONNX);
  // TorchScript files do not hold it. Not for .tflite and descriptions.
  std::optional<Shape> input_shape;
  // Rows and columns of the square input image instead of the file's. Not for .tflite.
  std::optional<int32_t> resolution;
};

enum class NetworkFile : uint8_t {
  Description,  // MCUNet's JSON
  TfLite,
  TorchScript,
  Onnx,
  Checkpoint,  // a state dict, which is no network by itself
  Unknown,
};

// By content, not by name. Throws Error(Input) for a damaged zip file; `place` names it.
NetworkFile network_file(const std::vector<uint8_t>& bytes, const std::string& place);

// The validated graph with float32 activations and weights, NHWC, batch norm folded, activations
// fused (docs/import.md). The graph's name is the file's stem.
//
// Throws Error(Input) for files that are missing, damaged or not known; Error(Unsupported) with
// everything in the network that cannot be imported, and for models that are quantized already;
// Error(Usage) for a checkpoint or shape that is missing or does not belong to the file;
// Error(External) for TorchScript without the LibTorch module.
Graph import_network(const std::string& path, const ImportOptions& options = {});

}  // namespace mcunet::import
