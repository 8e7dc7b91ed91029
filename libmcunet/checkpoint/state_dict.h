// PyTorch checkpoints: the tensors of a state dict, without PyTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "libmcunet/graph/types.h"

namespace mcunet::checkpoint {

// By name ("blocks.0.mobile_inverted_conv.depth_conv.conv.weight"). Each tensor has constant data,
// dense and row-major in PyTorch's order of dimensions. Floating types (float16, bfloat16, float32,
// float64) are Float32; whole numbers keep their type. A scalar has an empty shape; an extent may
// be 0.
using StateDict = std::map<std::string, Tensor>;

// Whether the bytes begin like a file of torch.save(): the legacy form, or a zip file that is no
// TorchScript program. Throws Error(Input) for a damaged zip file; `place` names it.
bool is_checkpoint(const std::vector<uint8_t>& bytes, const std::string& place);

// Reads what torch.save(model.state_dict(), path) writes, in the zip form (PyTorch 1.6 and later)
// and the legacy one. Where the file holds a dict of several things, the state dict is the entry
// "state_dict", "model_state_dict" or "model", or the only one that consists of tensors. A prefix
// "module." that all names share (DataParallel) is dropped. Nothing in the file is executed.
//
// `place` names the file in messages. Throws Error(Input) for damaged files, Error(Unsupported) for
// sound ones that hold other Python objects, quantized or sparse tensors, or more than 2^28
// elements.
StateDict read_state_dict(const std::vector<uint8_t>& bytes, const std::string& place);
StateDict read_state_dict(const std::filesystem::path& path);

}  // namespace mcunet::checkpoint
