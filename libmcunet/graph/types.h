// The small vocabulary of the graph: element types, shapes, quantization, constant data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mcunet {

enum class DType : uint8_t { Float32, Int8, UInt8, Int16, Int32, Int64, Bool, Int4 };

const char* dtype_name(DType dtype);
// Size of one element in bytes. Int4 is packed two per byte, so use byte_size() for tensors.
size_t dtype_size(DType dtype);

// Extents, outermost first: NHWC for images, [out, h, w, in] for convolution weights. Always
// positive.
using Shape = std::vector<int32_t>;

int64_t element_count(const Shape& shape);
std::string to_string(const Shape& shape);  // "1x176x176x3"

// real = scale * (quantized - zero_point). One scale and zero point for the tensor, or one per
// index along `axis`. Scales are kept as the file's float32: the arithmetic says where they are
// widened to double.
struct Quantization {
  std::vector<float> scales;
  std::vector<int32_t> zero_points;  // as many as scales
  int axis = 0;

  bool empty() const { return scales.empty(); }
  bool per_axis() const { return scales.size() > 1; }
  float scale() const { return scales.at(0); }
  int32_t zero_point() const { return zero_points.at(0); }
};

inline bool operator==(const Quantization& a, const Quantization& b) {
  return a.scales == b.scales && a.zero_points == b.zero_points &&
         (!a.per_axis() || a.axis == b.axis);
}
inline bool operator!=(const Quantization& a, const Quantization& b) { return !(a == b); }

// Constant bytes, little-endian, shared between copies of a graph.
using ConstantData = std::shared_ptr<const std::vector<uint8_t>>;

struct Tensor {
  std::string name;
  DType dtype = DType::Int8;
  Shape shape;
  Quantization quantization;
  ConstantData data;  // null for activations

  bool is_constant() const { return data != nullptr; }
  int64_t elements() const { return element_count(shape); }
  size_t byte_size() const;

  // The constant's elements as T; asserts that T has the dtype's size.
  template <typename T>
  const T* constant() const {
    return reinterpret_cast<const T*>(data->data());
  }
};

}  // namespace mcunet
