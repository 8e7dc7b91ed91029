// One operator of a .tflite file to one operator of the graph.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::tflite {
struct Operator;
struct OperatorCode;
}  // namespace mcunet::tflite

namespace mcunet {

// What reading a file collects; tensors are there before the first operator is read.
struct ReadState {
  Graph graph;
  // Tensors whose int32 values follow from static shapes (SHAPE and what is computed from it).
  std::map<TensorId, std::vector<int32_t>> evaluated;
  std::vector<std::string> corrupt, unsupported;  // problems, each with its place
};

// Appends the operator to the graph; or notes its value when it is shape arithmetic; or appends a
// problem. `index` is its number in the file.
void read_operator(ReadState& state, const tflite::Operator& table,
                   const tflite::OperatorCode& code, int32_t index);

}  // namespace mcunet
