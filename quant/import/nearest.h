// Which neighbour a framework's nearest-neighbour resizing takes.
#pragma once

#include <cstdint>
#include <string>

#include "quant/import/builder.h"

namespace mcunet::import {

// ONNX's Resize with mode nearest, for `out` of `in` rows (or columns): source coordinates by
// coordinate_transformation_mode, neighbours by nearest_mode (onnx/docs/Operators.md). Throws
// Error(Unsupported) for the modes tf_crop_and_resize and others that are not there in opset 18.
NearestIndex onnx_neighbours(int32_t in, double out, double scale, const std::string& transform,
                             const std::string& rounding);

// PyTorch's interpolate(mode="nearest"): floor(i · step) in float32, with step = in/out, or 1/scale
// where a scale was given (aten/src/ATen/native/UpSample.h).
NearestIndex torch_neighbours(int32_t in, int64_t out, double scale);

}  // namespace mcunet::import
