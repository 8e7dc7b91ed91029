#include "compiler/codegen/c_text.h"

#include <cctype>
#include <cstdio>
#include <cstring>

namespace mcunet::compiler {
namespace {

constexpr size_t kLineWidth = 110;

int32_t element(const Constant& constant, size_t i) {
  const uint8_t* at = constant.bytes.data() + i * c_size(constant.type);
  switch (constant.type) {
    case CType::Int8:
      return static_cast<int8_t>(*at);
    case CType::UInt16:
      return at[0] | (at[1] << 8);
    case CType::Int32: {
      int32_t value;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
  }
  return 0;
}

// INT32_MIN has no literal of its own type.
std::string number(int64_t value) {
  return value == INT32_MIN ? "(-2147483647 - 1)" : std::to_string(value);
}

// "{\n  1, 2, …\n}"
template <typename Value>
std::string list(size_t count, Value value) {
  std::string out = "{\n";
  std::string line = " ";
  for (size_t i = 0; i < count; ++i) {
    const std::string text = " " + number(value(i)) + (i + 1 < count ? "," : "");
    if (line.size() + text.size() > kLineWidth) {
      out += line + "\n";
      line = " ";
    }
    line += text;
  }
  return out + line + "\n}";
}

const std::string& constant_name(const Schedule& schedule, ConstantRef ref) {
  return schedule.constants.at(static_cast<size_t>(ref.id)).name;
}

std::string field_value(const std::string& prefix, const Schedule& schedule, const Field& field) {
  if (const auto* value = std::get_if<int64_t>(&field.value)) return number(*value);
  if (const auto* value = std::get_if<float>(&field.value)) return c_float(*value);
  if (const auto* ref = std::get_if<ConstantRef>(&field.value))
    return prefix + "_" + constant_name(schedule, *ref);
  std::string list;
  for (const int32_t value : std::get<std::vector<int32_t>>(field.value))
    list += (list.empty() ? "" : ", ") + number(value);
  return "{" + list + "}";
}

// "arena + 4224 + y % 3 * 1408"
std::string arena_address(const ArenaArgument& arena, const std::vector<int64_t>& offsets,
                          const RowPlace& place) {
  const int64_t offset = offsets.at(static_cast<size_t>(arena.ref.buffer)) + arena.ref.offset;
  std::string text = "arena + " + std::to_string(offset);
  if (!place.row.empty() && arena.pitch != 0 && arena.ring != 1) {
    text += " + " + place.row + (arena.ring == 0 ? "" : " % " + std::to_string(arena.ring)) +
            " * " + std::to_string(arena.pitch);
  }
  return arena.cast ? std::string("(") + arena.cast + " *)(void *)(" + text + ")" : text;
}

}  // namespace

std::string upper(const std::string& text) {
  std::string out = text;
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string c_type(DType dtype) {
  return dtype == DType::Float32 ? "float" : dtype == DType::UInt8 ? "uint8_t" : "int8_t";
}

std::string c_float(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  std::string out = text;
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out + "f";
}

std::string c_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // A question mark is escaped too: "??/" would be a trigraph.
    if (c == '"' || c == '\\' || c == '?') {
      out += '\\';
      out += c;
    } else {
      out += byte >= 0x20 && byte < 0x7f ? c : '_';
    }
  }
  return out + "\"";
}

std::string declaration(const std::string& prefix, const Constant& constant) {
  return std::string("const ") + c_name(constant.type) + " " + prefix + "_" + constant.name + "[" +
         std::to_string(constant.elements()) + "]";
}

std::string number_list(const std::vector<int64_t>& values) {
  return list(values.size(), [&](size_t i) { return values[i]; });
}

std::string initializer(const Constant& constant) {
  return list(constant.elements(), [&](size_t i) { return element(constant, i); });
}

std::string params_definition(const std::string& prefix, const std::string& kernels,
                              const Schedule& schedule, size_t call) {
  const KernelCall& step = schedule.calls[call];
  if (step.params.empty()) return "";
  // Quantizing and dequantizing share one struct.
  const std::string type = step.kernel == "dequantize_f32" ? "quantize_f32" : step.kernel;
  const bool pool = step.kernel == "average_pool" || step.kernel == "max_pool";
  std::string out = "static const " + kernels + "_" + (pool ? "pool" : type) + "_params " + prefix +
                    "_call" + std::to_string(call) + " = {\n";
  std::string line = " ";
  for (const Field& field : step.params.fields) {
    const std::string item = " ." + field.name + " = " + field_value(prefix, schedule, field) + ",";
    if (line.size() + item.size() > kLineWidth) {
      out += line + "\n";
      line = " ";
    }
    line += item;
  }
  return out + line + "\n};\n";
}

std::string call_statement(const std::string& prefix, const std::string& kernels,
                           const Schedule& schedule, size_t call,
                           const std::vector<int64_t>& offsets, const RowPlace& place) {
  const KernelCall& step = schedule.calls[call];
  std::string arguments;
  for (const Argument& argument : step.arguments) {
    std::string text;
    if (const auto* arena = std::get_if<ArenaArgument>(&argument)) {
      text = arena_address(*arena, offsets, place);
    } else if (const auto* ref = std::get_if<ConstantRef>(&argument)) {
      text = prefix + "_" + constant_name(schedule, *ref);
      if (ref->offset != 0) text += " + " + std::to_string(ref->offset);
    } else if (const auto* value = std::get_if<int64_t>(&argument)) {
      // Scratch that a kernel does not need is a null pointer.
      const bool scratch = step.kernel == "depthwise" && &argument == &step.arguments[2];
      text = scratch ? "NULL" : number(*value);
    } else if (const auto* row = std::get_if<RowArgument>(&argument)) {
      text = *row == RowArgument::Row ? (place.row.empty() ? "0" : place.row)
                                      : number(place.row.empty() ? step.rows : 1);
    } else {
      text = "&" + prefix + "_call" + std::to_string(call);
    }
    arguments += (arguments.empty() ? "" : ", ") + text;
  }
  return kernels + "_" + step.kernel + "(" + arguments + ");\n";
}

}  // namespace mcunet::compiler
