// State dicts to files that torch.load() reads.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/checkpoint/state_dict.h"

namespace mcunet::checkpoint {

// The zip form of torch.save() (PyTorch 1.6 and later): an OrderedDict of tensors, in the order of
// the names, each with a storage of its own. The same tensors give the same bytes. Tensors must be
// Float32, Int64, Int32, Int16, Int8, UInt8 or Bool and have data; at most 65,000 of
// them, less than 4 GiB together.
// `write_file_atomically()` (libmcunet/support/files.h) stores them.
std::vector<uint8_t> write_state_dict(const StateDict& tensors);

}  // namespace mcunet::checkpoint
