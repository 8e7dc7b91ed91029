// ONNX files to float graphs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::import {

struct OnnxOptions {
  std::string name = "network";       // the graph's
  std::filesystem::path directory;    // of the file: weights may lie in others beside it
  std::optional<Shape> input_shape;   // of the only input, in the file's order of dimensions
  std::optional<int32_t> resolution;  // rows and columns of the only input
};

// The validated float32 graph of an ONNX model with opset 11 to 18. Images become NHWC, batch norm
// and shape arithmetic are folded (builder.h, tidy.h). An unknown number of images is 1. Up to
// opset 17 ONNX's own checker sees the model first. docs/import.md lists the operators.
//
// Throws Error(Input) for files that are no sound ONNX models, Error(Unsupported) with every
// operator that cannot be imported, by number, name and kind; Error(Usage) for a shape that is
// needed and not known.
Graph read_onnx(const std::vector<uint8_t>& bytes, const OnnxOptions& options);

}  // namespace mcunet::import
