#include "compiler/schedule/schedule.h"

namespace mcunet::compiler {

const char* c_name(CType type) {
  switch (type) {
    case CType::Int8:
      return "int8_t";
    case CType::UInt16:
      return "uint16_t";
    case CType::Int32:
      return "int32_t";
  }
  return "?";
}

size_t c_size(CType type) {
  switch (type) {
    case CType::Int8:
      return 1;
    case CType::UInt16:
      return 2;
    case CType::Int32:
      return 4;
  }
  return 1;
}

int64_t constant_bytes(const Schedule& schedule, ConstantRole role) {
  int64_t total = 0;
  for (const Constant& constant : schedule.constants) {
    if (constant.role == role) total += static_cast<int64_t>(constant.bytes.size());
  }
  return total;
}

}  // namespace mcunet::compiler
