#include "compiler/schedule/strides.h"

#include "libmcunet/support/error.h"

namespace mcunet::compiler {

std::vector<int32_t> dense_strides(const Shape& shape) {
  std::vector<int32_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::vector<int32_t> padded_front(const std::vector<int32_t>& values, size_t rank, int32_t filler) {
  if (values.size() > rank) {
    throw Error(ErrorKind::Unsupported, "walks " + std::to_string(values.size()) +
                                            " dimensions with different strides; at most " +
                                            std::to_string(rank) + " are supported");
  }
  std::vector<int32_t> out(rank - values.size(), filler);
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

}  // namespace mcunet::compiler
