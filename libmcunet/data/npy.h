// NumPy's .npy files. Format: numpy/lib/format.py, versions 1.0 to 3.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/types.h"

namespace mcunet {

struct NpyArray {
  DType dtype = DType::Float32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;  // little-endian, row by row (C order)

  int64_t elements() const;
};

// float32, int8, uint8, int16, int32, int64 and bool, little-endian, C order. `name` stands for the
// file in messages. Throws Error(Input) for what is damaged or cut off, Error(Unsupported) for
// other element types and Fortran order.
NpyArray parse_npy(const std::vector<uint8_t>& bytes, const std::string& name);

// Version 1.0. `array.bytes` must have the size that shape and dtype ask for.
std::vector<uint8_t> format_npy(const NpyArray& array);

}  // namespace mcunet
