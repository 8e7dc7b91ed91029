#include "compiler/test_input.h"

#include <algorithm>
#include <cstring>

#include "libmcunet/reference/arithmetic.h"
#include "libmcunet/reference/elementwise.h"
#include "libmcunet/support/random.h"

namespace mcunet::compiler {
namespace {

int8_t quantize(float value, const Quantization& q) {
  const int64_t rounded = int64_t{reference::round_to_int32(value / q.scale())} + q.zero_point();
  return static_cast<int8_t>(std::clamp<int64_t>(rounded, -128, 127));
}

void append_element(std::vector<uint8_t>& bytes, const InputRecipe& recipe, const Tensor& tensor,
                    Xorshift32& stream) {
  switch (recipe.kind) {
    case InputRecipe::Kind::QuantizedFloat:
      bytes.push_back(static_cast<uint8_t>(quantize(stream.next_float(), tensor.quantization)));
      return;
    case InputRecipe::Kind::Table:
      bytes.push_back(recipe.table[stream.next_uint8()]);
      return;
    case InputRecipe::Kind::Direct:
      break;
  }
  if (tensor.dtype == DType::Float32) {
    const float value = stream.next_float();
    uint8_t raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.insert(bytes.end(), raw, raw + sizeof value);
  } else if (tensor.dtype == DType::UInt8) {
    bytes.push_back(stream.next_uint8());
  } else {
    bytes.push_back(static_cast<uint8_t>(stream.next_int8()));
  }
}

}  // namespace

std::vector<InputRecipe> input_recipes(const CompiledModel& model) {
  const std::vector<int> producer = producers(model.source);
  std::vector<InputRecipe> recipes;
  for (const TensorId id : model.reference.inputs) {
    InputRecipe recipe;
    const bool from_source = static_cast<size_t>(id) < model.source.tensors.size();
    const int source = from_source ? producer[static_cast<size_t>(id)] : -1;
    if (source >= 0 && model.source.ops[static_cast<size_t>(source)].kind == OpKind::Quantize) {
      const Op& op = model.source.ops[static_cast<size_t>(source)];
      if (model.source.input(op, 0).dtype == DType::Float32) {
        recipe.kind = InputRecipe::Kind::QuantizedFloat;
      } else {
        recipe.kind = InputRecipe::Kind::Table;
        recipe.table = reference::unary_table(model.source, op);
      }
    }
    recipes.push_back(recipe);
  }
  return recipes;
}

std::vector<std::vector<uint8_t>> stream_inputs(const CompiledModel& model, uint32_t seed) {
  const std::vector<InputRecipe> recipes = input_recipes(model);
  Xorshift32 stream(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (size_t i = 0; i < recipes.size(); ++i) {
    const Tensor& tensor = model.reference.tensor(model.reference.inputs[i]);
    std::vector<uint8_t> bytes;
    bytes.reserve(tensor.byte_size());
    for (int64_t n = 0; n < tensor.elements(); ++n)
      append_element(bytes, recipes[i], tensor, stream);
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

Graph input_edge(const CompiledModel& model) {
  Graph edge = model.source;
  edge.outputs = model.reference.inputs;
  return drop_dead_ops(std::move(edge));
}

Graph output_edge(const CompiledModel& model) {
  Graph edge = model.source;
  edge.inputs = model.reference.outputs;
  std::sort(edge.inputs.begin(), edge.inputs.end());
  edge.inputs.erase(std::unique(edge.inputs.begin(), edge.inputs.end()), edge.inputs.end());
  // What computes the API's outputs is not part of the edge.
  const std::vector<TensorId>& given = edge.inputs;
  edge.ops.erase(
      std::remove_if(edge.ops.begin(), edge.ops.end(),
                     [&](const Op& op) {
                       return std::any_of(op.outputs.begin(), op.outputs.end(), [&](TensorId id) {
                         return std::find(given.begin(), given.end(), id) != given.end();
                       });
                     }),
      edge.ops.end());
  return drop_dead_ops(std::move(edge));
}

std::vector<std::vector<uint8_t>> distinct_outputs(
    const CompiledModel& model, const Graph& edge,
    const std::vector<std::vector<uint8_t>>& outputs) {
  std::vector<std::vector<uint8_t>> distinct;
  for (const TensorId id : edge.inputs) {
    const auto found =
        std::find(model.reference.outputs.begin(), model.reference.outputs.end(), id);
    distinct.push_back(outputs[static_cast<size_t>(found - model.reference.outputs.begin())]);
  }
  return distinct;
}

}  // namespace mcunet::compiler
