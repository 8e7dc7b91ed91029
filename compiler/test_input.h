// Inputs for verification: the golden stream, in the form the generated API takes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/compile.h"

namespace mcunet::compiler {

// How input i of the API follows from a stream of elements.
struct InputRecipe {
  enum class Kind {
    Direct,          // elements of the input's own type
    QuantizedFloat,  // float32 elements, quantized as the model's own QUANTIZE does
    Table,           // uint8 elements through a table (QUANTIZE from uint8)
  };
  Kind kind = Kind::Direct;
  std::array<uint8_t, 256> table{};
};
std::vector<InputRecipe> input_recipes(const CompiledModel& model);

// One buffer per API input; the stream of `seed` runs through all of them. For a model whose edges
// were not converted these are the golden inputs (Xorshift32 in libmcunet/support/random.h).
std::vector<std::vector<uint8_t>> stream_inputs(const CompiledModel& model, uint32_t seed);

// The graphs between the model file's inputs and the API's, and between the API's outputs and the
// file's. Inputs of the first are the source's inputs, its outputs are the API's inputs.
Graph input_edge(const CompiledModel& model);
Graph output_edge(const CompiledModel& model);
// The API's outputs as `edge`, made by output_edge(), takes them: each tensor once, in its order.
std::vector<std::vector<uint8_t>> distinct_outputs(
    const CompiledModel& model, const Graph& edge,
    const std::vector<std::vector<uint8_t>>& outputs);

}  // namespace mcunet::compiler
