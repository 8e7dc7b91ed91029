#include "libmcunet/graph/types.h"

namespace mcunet {

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "float32";
    case DType::Int8:
      return "int8";
    case DType::UInt8:
      return "uint8";
    case DType::Int16:
      return "int16";
    case DType::Int32:
      return "int32";
    case DType::Int64:
      return "int64";
    case DType::Bool:
      return "bool";
    case DType::Int4:
      return "int4";
  }
  return "?";
}

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Int16:
      return 2;
    case DType::Int64:
      return 8;
    default:
      return 1;
  }
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int32_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const int32_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

size_t Tensor::byte_size() const {
  const auto count = static_cast<size_t>(elements());
  return dtype == DType::Int4 ? (count + 1) / 2 : count * dtype_size(dtype);
}

}  // namespace mcunet
