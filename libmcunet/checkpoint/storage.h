// The element types of PyTorch's storages and their conversion to the graph's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libmcunet/checkpoint/byte_reader.h"
#include "libmcunet/graph/types.h"

namespace mcunet::checkpoint {

enum class StorageType : uint8_t {
  Float,
  Double,
  Half,
  BFloat16,
  Long,
  Int,
  Short,
  Char,
  Byte,
  Bool
};

// Of "torch.FloatStorage" and so on.
std::optional<StorageType> storage_type(const std::string& global);
size_t element_size(StorageType type);  // bytes
// Float32 for all floating types; whole numbers keep their type.
DType dtype_of(StorageType type);

// IEEE 754 binary16.
float half_to_float(uint16_t bits);

// Reads element `index` of little-endian `data` and writes it as an element of dtype_of(type).
// Doubles are rounded to float32.
void convert_element(StorageType type, const uint8_t* data, uint64_t index, uint8_t* out);

}  // namespace mcunet::checkpoint
