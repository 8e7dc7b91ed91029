#include "libmcunet/checkpoint/storage.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace mcunet::checkpoint {
namespace {

struct Row {
  const char* global;
  StorageType type;
  size_t bytes;
  DType dtype;
};

// In the enum's order.
constexpr std::array<Row, 10> kTable = {{
    {"torch.FloatStorage", StorageType::Float, 4, DType::Float32},
    {"torch.DoubleStorage", StorageType::Double, 8, DType::Float32},
    {"torch.HalfStorage", StorageType::Half, 2, DType::Float32},
    {"torch.BFloat16Storage", StorageType::BFloat16, 2, DType::Float32},
    {"torch.LongStorage", StorageType::Long, 8, DType::Int64},
    {"torch.IntStorage", StorageType::Int, 4, DType::Int32},
    {"torch.ShortStorage", StorageType::Short, 2, DType::Int16},
    {"torch.CharStorage", StorageType::Char, 1, DType::Int8},
    {"torch.ByteStorage", StorageType::Byte, 1, DType::UInt8},
    {"torch.BoolStorage", StorageType::Bool, 1, DType::Bool},
}};

const Row& row(StorageType type) { return kTable.at(static_cast<size_t>(type)); }

template <typename T>
T load(const uint8_t* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

void store(float value, uint8_t* out) { std::memcpy(out, &value, sizeof value); }

// What float32 cannot hold becomes an infinity, as in PyTorch.
float narrowed(double value) {
  if (std::isfinite(value) && std::abs(value) > double{std::numeric_limits<float>::max()})
    return std::copysign(std::numeric_limits<float>::infinity(),
                         static_cast<float>(value > 0) - 0.5F);
  return static_cast<float>(value);
}

}  // namespace

std::optional<StorageType> storage_type(const std::string& global) {
  for (const Row& known : kTable) {
    if (global == known.global) return known.type;
  }
  return std::nullopt;
}

size_t element_size(StorageType type) { return row(type).bytes; }
DType dtype_of(StorageType type) { return row(type).dtype; }

float half_to_float(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  float value = 0;
  if (exponent == 0x1F) {
    value = fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                          : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

void convert_element(StorageType type, const uint8_t* data, uint64_t index, uint8_t* out) {
  const size_t bytes = element_size(type);
  const uint8_t* from = data + index * bytes;
  switch (type) {
    case StorageType::Double:
      return store(narrowed(load<double>(from)), out);
    case StorageType::Half:
      return store(half_to_float(load<uint16_t>(from)), out);
    case StorageType::BFloat16: {
      const uint32_t bits = uint32_t{load<uint16_t>(from)} << 16;
      std::memcpy(out, &bits, sizeof bits);
      return;
    }
    default:
      std::memcpy(out, from, bytes);
  }
}

}  // namespace mcunet::checkpoint
