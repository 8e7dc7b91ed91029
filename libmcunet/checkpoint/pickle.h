// Python's pickle format as far as PyTorch writes it for state dicts: values only. No class is
// looked up, nothing is executed; a global that is not in the short list of known ones is refused.
//
// Format: Python's Lib/pickletools.py, protocols 0 to 3 without text opcodes; the globals that
// PyTorch uses: torch/_utils.py and torch/serialization.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/checkpoint/byte_reader.h"

namespace mcunet::checkpoint {

// Index into Pickle::values: a pickle may refer to a value many times, even to one that contains
// it.
using ValueId = uint32_t;

struct Value {
  enum class Kind : uint8_t {
    None,
    Bool,
    Integer,
    Real,
    Text,
    Tuple,
    List,
    Dict,     // items: key, value, key, value …; also OrderedDict, without its attributes
    Global,   // text: "torch.FloatStorage", "torch.float32"
    Storage,  // items: the persistent id's fields
    Tensor,   // items: the arguments of torch._utils._rebuild_tensor_v2
    Opaque,   // something known that holds no tensor: a device
  };
  Kind kind = Kind::None;
  int64_t integer = 0;  // Bool, Integer
  double real = 0;
  std::string text;  // Text, Global
  std::vector<ValueId> items;
};

struct Pickle {
  std::vector<Value> values;
  ValueId root = 0;

  const Value& operator[](ValueId id) const { return values.at(id); }
};

// Reads one pickle and leaves the reader behind it. Throws Error(Input) for damaged ones,
// Error(Unsupported) for those that hold other objects than the ones above, that use later
// protocols' opcodes, or more than 2^22 values.
Pickle read_pickle(ByteReader& reader);

}  // namespace mcunet::checkpoint
