#include "quant/import/onnx/proto.h"

#include <algorithm>
#include <cstring>

#include "libmcunet/checkpoint/storage.h"
#include "libmcunet/support/files.h"
#include "quant/import/builder.h"

namespace mcunet::import {
namespace {

using onnx::TensorProto;

constexpr int64_t kMaxElements = int64_t{1} << 28;

template <typename T>
T load(const char* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

// Size and meaning of an element of raw_data.
struct RawType {
  size_t bytes;
  double (*value)(const char*);
  bool integral;
};

template <typename T>
double number(const char* data) {
  return static_cast<double>(load<T>(data));
}

RawType raw_type(int type) {
  switch (type) {
    case TensorProto::FLOAT:
      return {4, number<float>, false};
    case TensorProto::DOUBLE:
      return {8, number<double>, false};
    case TensorProto::FLOAT16:
      return {
          2,
          [](const char* data) { return double{checkpoint::half_to_float(load<uint16_t>(data))}; },
          false};
    case TensorProto::BFLOAT16:
      return {2,
              [](const char* data) {
                const uint32_t bits = uint32_t{load<uint16_t>(data)} << 16;
                return double{load<float>(reinterpret_cast<const char*>(&bits))};
              },
              false};
    case TensorProto::INT64:
      return {8, number<int64_t>, true};
    case TensorProto::INT32:
      return {4, number<int32_t>, true};
    case TensorProto::INT16:
      return {2, number<int16_t>, true};
    case TensorProto::INT8:
      return {1, number<int8_t>, true};
    case TensorProto::UINT8:
    case TensorProto::BOOL:
      return {1, number<uint8_t>, true};
    default:
      unsupported("tensors of ONNX's element type " + std::to_string(type));
  }
}

// The place of a tensor's data in another file.
struct External {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

uint64_t whole_number(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() < 19 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) unsound("external data with an offset or length of '" + text.substr(0, 40) + "'");
  return std::stoull(text);
}

std::string external_data(const TensorProto& tensor, const std::filesystem::path& directory) {
  External external;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") external.location = entry.value();
    if (entry.key() == "offset") external.offset = whole_number(entry.value());
    if (entry.key() == "length") external.length = whole_number(entry.value());
  }
  const std::filesystem::path location = external.location;
  const bool leaves =
      std::any_of(location.begin(), location.end(), [](const auto& part) { return part == ".."; });
  if (location.empty() || location.is_absolute() || leaves)
    unsound("external data outside the model's directory: '" + external.location + "'");
  const std::vector<uint8_t> file = read_file(directory / location);
  if (external.offset > file.size() || external.length.value_or(0) > file.size() - external.offset)
    unsound("external data beyond the end of " + external.location);
  const auto begin = file.begin() + static_cast<ptrdiff_t>(external.offset);
  const uint64_t length = external.length.value_or(file.size() - external.offset);
  return {begin, begin + static_cast<ptrdiff_t>(length)};
}

void read_raw(const TensorProto& tensor, const std::string& raw, size_t count, Constant& constant) {
  const RawType type = raw_type(tensor.data_type());
  if (raw.size() != count * type.bytes)
    unsound("tensor '" + tensor.name() + "' has " + std::to_string(raw.size()) +
            " bytes instead of " + std::to_string(count * type.bytes));
  for (size_t i = 0; i < count; ++i)
    constant.values.push_back(type.value(raw.data() + i * type.bytes));
}

// The typed fields; small types share int32_data, half floats as their bits.
void read_typed(const TensorProto& tensor, Constant& constant) {
  const auto append = [&](const auto& field) {
    for (const auto value : field) constant.values.push_back(static_cast<double>(value));
  };
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return append(tensor.float_data());
    case TensorProto::DOUBLE:
      return append(tensor.double_data());
    case TensorProto::INT64:
      return append(tensor.int64_data());
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16: {
      const RawType type = raw_type(tensor.data_type());
      for (const int32_t bits : tensor.int32_data()) {
        const auto half = static_cast<uint16_t>(bits);
        constant.values.push_back(type.value(reinterpret_cast<const char*>(&half)));
      }
      return;
    }
    default:
      return append(tensor.int32_data());
  }
}

}  // namespace

Constant constant_of(const TensorProto& tensor, const std::filesystem::path& directory) {
  Constant constant;
  constant.integral = raw_type(tensor.data_type()).integral;
  int64_t count = 1;
  for (const int64_t extent : tensor.dims()) {
    if (extent < 0 || extent > kMaxElements || (extent > 0 && count > kMaxElements / extent))
      unsound("tensor '" + tensor.name() + "' has an extent of " + std::to_string(extent));
    count *= extent;
    constant.shape.push_back(extent);
  }
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    read_raw(tensor, external_data(tensor, directory), static_cast<size_t>(count), constant);
  } else if (tensor.has_raw_data()) {
    read_raw(tensor, tensor.raw_data(), static_cast<size_t>(count), constant);
  } else {
    read_typed(tensor, constant);
  }
  if (static_cast<int64_t>(constant.values.size()) != count)
    unsound("tensor '" + tensor.name() + "' has " + std::to_string(constant.values.size()) +
            " values instead of " + std::to_string(count));
  return constant;
}

const onnx::AttributeProto* Attributes::find(const std::string& name) const {
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t Attributes::integer(const std::string& name, int64_t fallback) const {
  const auto* attribute = find(name);
  return attribute == nullptr ? fallback : attribute->i();
}

double Attributes::real(const std::string& name, double fallback) const {
  const auto* attribute = find(name);
  return attribute == nullptr ? fallback : double{attribute->f()};
}

std::string Attributes::text(const std::string& name, const std::string& fallback) const {
  const auto* attribute = find(name);
  return attribute == nullptr ? fallback : attribute->s();
}

std::vector<int64_t> Attributes::integers(const std::string& name,
                                          std::vector<int64_t> fallback) const {
  const auto* attribute = find(name);
  if (attribute == nullptr) return fallback;
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<int64_t> Attributes::integers(const std::string& name, size_t count,
                                          int64_t fallback) const {
  std::vector<int64_t> values = integers(name, std::vector<int64_t>(count, fallback));
  if (values.size() != count)
    unsound("attribute " + name + " has " + std::to_string(values.size()) + " values, " +
            std::to_string(count) + " are wanted for an image");
  return values;
}

std::optional<Constant> Attributes::tensor(const std::string& name) const {
  const auto* attribute = find(name);
  if (attribute == nullptr) return std::nullopt;
  return constant_of(attribute->t(), directory_);
}

Constant Attributes::constant() const {
  if (const auto value = tensor("value")) return *value;
  if (const auto* value = find("value_float")) return Constant::scalar(double{value->f()});
  if (const auto* value = find("value_int")) return {{}, {static_cast<double>(value->i())}, true};
  if (has("value_ints")) return Constant::integers(integers("value_ints"));
  if (const auto* value = find("value_floats"))
    return {{value->floats_size()}, {value->floats().begin(), value->floats().end()}, false};
  unsupported("this kind of constant");
}

}  // namespace mcunet::import
