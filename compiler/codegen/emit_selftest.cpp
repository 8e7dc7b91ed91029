#include "compiler/codegen/c_text.h"
#include "compiler/codegen/context.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/values.h"
#include "compiler/test_input.h"
#include "libmcunet/reference/interpreter.h"

namespace mcunet::compiler {
namespace {

std::string byte_array(const std::string& name, const uint8_t* bytes, size_t count) {
  Constant constant;
  constant.name = name;
  constant.type = CType::Int8;
  constant.bytes.assign(bytes, bytes + count);
  return "static const int8_t " + name + "[" + std::to_string(count) +
         "] = " + initializer(constant) + ";\n";
}

// FNV-1a, 64 bits: a hash of the outputs takes 8 bytes of flash, the outputs might not fit.
uint64_t fnv1a(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 14695981039346656037U;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211U;
  return hash;
}

// How an element of an input follows from the stream, whose state is at the C pointer `state`.
struct FillExpression {
  std::string type, value;
};

FillExpression fill_expression(const CompiledModel& model, size_t i, const InputRecipe& recipe,
                               const std::string& state) {
  const Tensor& tensor = model.reference.tensor(model.reference.inputs[i]);
  const std::string& name = model.name;
  const std::string index = std::to_string(i);
  const std::string macro = upper(name) + "_INPUT_" + index;
  const std::string next = name + "_selftest_next(" + state + ")";
  const std::string real = "(float)(" + next + " >> 8) / 8388608.0f - 1.0f";
  const std::string signed_byte = next + " >> 24";
  if (recipe.kind == InputRecipe::Kind::QuantizedFloat) {
    return {"int8_t",
            name + "_quantize(" + real + ", " + macro + "_SCALE, " + macro + "_ZERO_POINT)"};
  }
  if (recipe.kind == InputRecipe::Kind::Table)
    return {"int8_t", name + "_selftest_table" + index + "[(" + signed_byte + ") ^ 0x80u]"};
  if (tensor.dtype == DType::Float32) return {"float", real};
  if (tensor.dtype == DType::UInt8) return {"uint8_t", "(uint8_t)((" + signed_byte + ") ^ 0x80u)"};
  return {"int8_t", "(int8_t)(" + signed_byte + ")"};
}

// Statements that fill input i, all of it or the row at the C pointer `row`.
std::string fill_statements(const CompiledModel& model, size_t i, const InputRecipe& recipe) {
  const bool rows = model.schedule.input_rows;
  const auto [type, value] = fill_expression(model, i, recipe, rows ? "state" : "&state");
  const int64_t elements = model.reference.tensor(model.reference.inputs[i]).elements();
  const std::string place =
      rows ? "row" : model.name + "_input(context, " + std::to_string(i) + ")";
  const int64_t count =
      rows ? elements / static_cast<int64_t>(input_row_count(model.schedule)) : elements;
  return "  {\n    " + type + " *const input = (" + type + " *)" + place + ";\n" +
         "    for (size_t i = 0; i < " + std::to_string(count) + "u; i++) input[i] = " + value +
         ";\n  }\n";
}

}  // namespace

std::vector<SourceFile> emit_selftest(const CompiledModel& model) {
  const std::vector<InputRecipe> recipes = input_recipes(model);
  const auto outputs = reference::Interpreter(model.reference).run(stream_inputs(model, 1));
  std::string tables, fill, compare;
  for (size_t i = 0; i < recipes.size(); ++i) {
    if (recipes[i].kind == InputRecipe::Kind::Table) {
      tables += byte_array(model.name + "_selftest_table" + std::to_string(i),
                           recipes[i].table.data(), recipes[i].table.size());
    }
    fill += fill_statements(model, i, recipes[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string index = std::to_string(i);
    compare += "  if (" + model.name + "_selftest_hash((const uint8_t *)" + model.name +
               "_output(context, " + index + "), " + model.name + "_output_bytes(" + index +
               ")) != " + std::to_string(fnv1a(outputs[i])) + "u) {\n    return " +
               upper(model.name) + "_ERROR_SELFTEST;\n  }\n";
  }
  Values values = common_values(model);
  values["tables"] = tables;
  values["fill"] = fill;
  values["compare"] = compare;
  const std::string variant = model.schedule.input_rows ? "selftest_rows" : "selftest_whole";
  Values source = values;
  source["input"] = filled(variant + ".c", values);
  values["input"] = filled(variant + ".h", values);
  return {{model.name + "_selftest.h", filled("selftest.h", values)},
          {model.name + "_selftest.c", filled("selftest.c", source)}};
}

SourceFile emit_host_runner(const CompiledModel& model) {
  return {model.name + "_host_runner.c", filled("host_runner.c", common_values(model))};
}

}  // namespace mcunet::compiler
