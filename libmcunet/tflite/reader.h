// TensorFlow Lite files to graphs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// Parses and validates a .tflite file with one subgraph of statically shaped tensors. Tensor ids
// are the file's tensor indices; operators keep the file's numbers as source_index. Parameter
// tensors become attributes; SAME and VALID become explicit padding; shape arithmetic (SHAPE,
// STRIDED_SLICE, PACK … on int32) is evaluated and dropped; SQUEEZE and EXPAND_DIMS become RESHAPE,
// SLICE becomes STRIDED_SLICE, SPLIT_V becomes SPLIT, PADV2 becomes PAD with a value. Of the
// file's metadata the entries "mcunet.…" are kept. Throws
// Error(Input) for a file that is not a sound TFLite file, Error(Unsupported) with everything in it
// that mcunet does not do.
Graph read_tflite(const std::vector<uint8_t>& bytes, const std::string& name);

}  // namespace mcunet
