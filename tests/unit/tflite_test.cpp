// Reading and writing .tflite files: everything comes back, and what mcunet does not do is refused
// with all its reasons.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <set>

#include "compiler/passes/passes.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/schema_generated.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/builder.h"
#include "tests/support/demo_models.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;
using Builtin = tflite::BuiltinOperator;
using Catch::Matchers::Contains;

namespace {

// ---- round trip
// ----------------------------------------------------------------------------------

// Explicit padding is written as a PAD, which folding turns back.
Graph normalised(Graph graph) {
  graph = compiler::drop_dead_ops(compiler::fold_padding(std::move(graph)));
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    graph.ops[i].source_index = static_cast<int32_t>(i);
  }
  return graph;
}

bool same_data(const Tensor& a, const Tensor& b) {
  if (!a.is_constant() || !b.is_constant()) return a.is_constant() == b.is_constant();
  return *a.data == *b.data;
}

void check_same(const Graph& written, const Graph& read) {
  CHECK(mcunet::testing::describe(normalised(written)) ==
        mcunet::testing::describe(normalised(read)));
  REQUIRE(read.tensors.size() >= written.tensors.size());
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    const Tensor &a = written.tensors[i], &b = read.tensors[i];
    CAPTURE(i, a.name);
    CHECK(a.name == b.name);
    CHECK(a.dtype == b.dtype);
    CHECK(a.shape == b.shape);
    CHECK(a.quantization == b.quantization);
    CHECK(same_data(a, b));
  }
  CHECK(written.inputs == read.inputs);
  CHECK(written.outputs == read.outputs);
}

// ---- files made by hand
// --------------------------------------------------------------------------

std::vector<uint8_t> packed(const tflite::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite::Model::Pack(builder, &model), "TFL3");
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

tflite::ModelT unpacked(const Graph& graph) {
  const std::vector<uint8_t> bytes = write_tflite(graph);
  tflite::ModelT model;
  tflite::GetModel(bytes.data())->UnPackTo(&model);
  return model;
}

struct File {
  tflite::ModelT model;
  tflite::SubGraphT* subgraph;

  File() {
    model.version = 3;
    model.buffers.push_back(std::make_unique<tflite::BufferT>());
    model.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
    subgraph = model.subgraphs[0].get();
  }

  int32_t tensor(const std::string& name, tflite::ElementType type, std::vector<int32_t> shape) {
    auto entry = std::make_unique<tflite::TensorT>();
    entry->name = name;
    entry->type = type;
    entry->shape = std::move(shape);
    if (type == tflite::ElementType::INT8) {
      entry->quantization = std::make_unique<tflite::QuantizationParametersT>();
      entry->quantization->scale = {0.5f};
      entry->quantization->zero_point = {3};
    }
    subgraph->tensors.push_back(std::move(entry));
    return static_cast<int32_t>(subgraph->tensors.size() - 1);
  }
  int32_t int8(const std::string& name, std::vector<int32_t> shape) {
    return tensor(name, tflite::ElementType::INT8, std::move(shape));
  }
  int32_t computed_ints(const std::string& name, std::vector<int32_t> shape) {
    return tensor(name, tflite::ElementType::INT32, std::move(shape));
  }
  int32_t ints(const std::string& name, const std::vector<int32_t>& values, bool scalar = false) {
    const auto count = static_cast<int32_t>(values.size());
    const int32_t id =
        computed_ints(name, scalar ? std::vector<int32_t>{} : std::vector<int32_t>{count});
    auto buffer = std::make_unique<tflite::BufferT>();
    buffer->data.resize(values.size() * 4);
    std::memcpy(buffer->data.data(), values.data(), buffer->data.size());
    subgraph->tensors.back()->buffer = static_cast<uint32_t>(model.buffers.size());
    model.buffers.push_back(std::move(buffer));
    return id;
  }
  tflite::OperatorT& op(Builtin code, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    auto entry = std::make_unique<tflite::OperatorCodeT>();
    entry->builtin_code = static_cast<int32_t>(code);
    entry->deprecated_builtin_code = static_cast<int8_t>(code);
    model.operator_codes.push_back(std::move(entry));
    auto table = std::make_unique<tflite::OperatorT>();
    table->opcode_index = static_cast<uint32_t>(model.operator_codes.size() - 1);
    table->inputs = std::move(inputs);
    table->outputs = std::move(outputs);
    subgraph->operators.push_back(std::move(table));
    return *subgraph->operators.back();
  }
  Graph read(std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    subgraph->inputs = std::move(inputs);
    subgraph->outputs = std::move(outputs);
    return read_tflite(packed(model), "file");
  }
};

Graph small_network() {
  GraphBuilder build("small", 5);
  const TensorId x = build.input({1, 6, 6, 4});
  const TensorId y = build.unary(OpKind::Tanh, build.conv(x, 8, Window::square(3)));
  return build.build({build.softmax(build.fully_connected(y, 5))});
}

Error refusal(const std::vector<uint8_t>& bytes) {
  try {
    read_tflite(bytes, "refused");
  } catch (const Error& error) {
    return error;
  }
  FAIL("the file was accepted");
  return Error(ErrorKind::Internal, "");
}

Error refusal(const tflite::ModelT& model) { return refusal(packed(model)); }

}  // namespace

TEST_CASE("every operator is read as it was written", "[tflite]") {
  std::set<OpKind> kinds;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Graph graph = mcunet::testing::random_graph(seed);
    CAPTURE(seed);
    const std::vector<uint8_t> bytes = write_tflite(graph);
    CHECK(bytes == write_tflite(graph));
    const Graph read = read_tflite(bytes, graph.name);
    check_same(graph, read);
    // Without explicit padding the operators are the very same, before any normalising.
    if (read.ops.size() == graph.ops.size()) {
      CHECK(mcunet::testing::describe(graph) == mcunet::testing::describe(read));
    }
    for (const Op& op : graph.ops) kinds.insert(op.kind);
  }
  CHECK(kinds.size() == operator_table().size());  // none was left out
}

TEST_CASE("demo models are read as they were written", "[tflite]") {
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    const Graph graph = mcunet::testing::demo_model(name);
    check_same(graph, read_tflite(write_tflite(graph), name));
  }
}

TEST_CASE("a planar input cannot be written", "[tflite]") {
  GraphBuilder build("planar", 1);
  const TensorId x = build.transpose(build.input({1, 3, 8, 8}), {0, 2, 3, 1});
  const Graph graph =
      compiler::fold_planar_input(build.build({build.conv(x, 4, Window::square(3))}));
  try {
    write_tflite(graph);
    FAIL("it was written");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Unsupported);
    CHECK_THAT(error.what(), Contains("planar"));
  }
}

TEST_CASE("unknown operators are refused by name, all at once", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  const auto rename = [&](Builtin from, int32_t to, const std::string& custom) {
    for (auto& code : model.operator_codes) {
      if (code->builtin_code != static_cast<int32_t>(from)) continue;
      code->builtin_code = to;
      code->deprecated_builtin_code = static_cast<int8_t>(std::min(to, 127));
      code->custom_code = custom;
    }
  };
  rename(Builtin::TANH, 16, "");
  rename(Builtin::SOFTMAX, static_cast<int32_t>(Builtin::CUSTOM), "TFLite_Detection_PostProcess");
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  REQUIRE(error.problems().size() == 2);
  CHECK_THAT(error.problems()[0], Contains("op 1 LSTM"));
  CHECK_THAT(error.problems()[1], Contains("op 3 CUSTOM 'TFLite_Detection_PostProcess'"));
}

TEST_CASE("int16 activations are refused, every tensor named", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  for (const char* name : {"CONV_2D_0", "TANH_1"}) {
    for (auto& tensor : model.subgraphs[0]->tensors) {
      if (tensor->name == name) tensor->type = tflite::ElementType::INT16;
    }
  }
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("'CONV_2D_0' is int16"));
  CHECK_THAT(error.what(), Contains("'TANH_1' is int16"));
}

TEST_CASE("element types that mcunet does not know are refused", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  model.subgraphs[0]->tensors[static_cast<size_t>(model.subgraphs[0]->inputs[0])]->type =
      tflite::ElementType::COMPLEX64;
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("COMPLEX64"));
}

TEST_CASE("state between inferences is refused", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  model.subgraphs[0]->tensors[static_cast<size_t>(model.subgraphs[0]->inputs[0])]->is_variable =
      true;
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("variable"));
}

TEST_CASE("dynamic shapes are refused", "[tflite]") {
  File file;
  const int32_t x = file.int8("x", {-1, 4}), y = file.int8("y", {-1, 4});
  file.op(Builtin::RELU, {x}, {y});
  try {
    file.read({x}, {y});
    FAIL("it was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Unsupported);
    CHECK_THAT(error.what(), Contains("dynamic"));
    CHECK(error.problems().size() >= 2);  // both tensors
  }
}

TEST_CASE("several subgraphs are refused", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  model.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("2 subgraphs"));
}

TEST_CASE("activations that are fused nowhere are refused", "[tflite]") {
  tflite::ModelT model = unpacked(small_network());
  for (auto& op : model.subgraphs[0]->operators) {
    if (auto* options = op->builtin_options.AsConv2DOptions()) {
      options->fused_activation_function = tflite::FusedActivation::SIGN_BIT;
    }
  }
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("SIGN_BIT"));
}

TEST_CASE("files that are no sound .tflite are refused as input errors", "[tflite]") {
  const std::vector<uint8_t> good = write_tflite(small_network());
  const auto kind = [](const std::vector<uint8_t>& bytes) { return refusal(bytes).kind(); };
  CHECK(kind({}) == ErrorKind::Input);
  CHECK(kind({1, 2, 3}) == ErrorKind::Input);
  CHECK(kind(std::vector<uint8_t>(1000, 0xff)) == ErrorKind::Input);
  CHECK(kind(std::vector<uint8_t>(good.begin(), good.begin() + 100)) == ErrorKind::Input);
  std::vector<uint8_t> wrong_name = good;
  wrong_name[4] = 'X';
  CHECK(kind(wrong_name) == ErrorKind::Input);

  tflite::ModelT model = unpacked(small_network());
  model.version = 2;
  CHECK(refusal(model).kind() == ErrorKind::Input);
  model = unpacked(small_network());
  model.subgraphs[0]->operators[0]->inputs[0] = 1000;
  model.subgraphs[0]->operators[1]->outputs[0] = -7;
  const Error error = refusal(model);
  CHECK(error.kind() == ErrorKind::Input);
  CHECK(error.problems().size() == 2);
  model = unpacked(small_network());
  model.subgraphs[0]->tensors[0]->buffer = 77;
  CHECK(refusal(model).kind() == ErrorKind::Input);
  model = unpacked(small_network());
  model.buffers.back()->data.pop_back();
  CHECK(refusal(model).kind() == ErrorKind::Input);
}

TEST_CASE("shape arithmetic is evaluated and dropped", "[tflite]") {
  // RESHAPE(x, PACK(STRIDED_SLICE(SHAPE(x), 0:1), 2, 12)), as Keras exports Reshape layers.
  File file;
  const int32_t x = file.int8("x", {2, 4, 6}), y = file.int8("y", {2, 2, 12});
  const int32_t shape = file.computed_ints("shape", {3}), batch = file.computed_ints("batch", {});
  const int32_t target = file.computed_ints("target", {3});
  const int32_t begin = file.ints("begin", {0}), end = file.ints("end", {1});
  const int32_t strides = file.ints("strides", {1});
  const int32_t two = file.ints("two", {2}, true), twelve = file.ints("twelve", {12}, true);
  file.op(Builtin::SHAPE, {x}, {shape}).builtin_options.Set(tflite::ShapeOptionsT{});
  tflite::StridedSliceOptionsT slice;
  slice.shrink_axis_mask = 1;
  file.op(Builtin::STRIDED_SLICE, {shape, begin, end, strides}, {batch}).builtin_options.Set(slice);
  tflite::PackOptionsT pack;
  pack.values_count = 3;
  file.op(Builtin::PACK, {batch, two, twelve}, {target}).builtin_options.Set(pack);
  file.op(Builtin::RESHAPE, {x, target}, {y});
  const Graph graph = file.read({x}, {y});
  REQUIRE(graph.ops.size() == 1);
  CHECK(graph.ops[0].kind == OpKind::Reshape);
  CHECK(graph.ops[0].source_index == 3);
  CHECK(graph.ops[0].inputs == std::vector<TensorId>{x});
  const auto inputs = mcunet::testing::golden_inputs(graph, 1);
  CHECK(reference::Interpreter(graph).run(inputs) == inputs);
}

TEST_CASE("a slice that leaves its vector is refused", "[tflite]") {
  File file;
  const int32_t x = file.int8("x", {2, 3}), y = file.int8("y", {6});
  const int32_t shape = file.computed_ints("shape", {2}), part = file.computed_ints("part", {1});
  const int32_t begin = file.ints("begin", {1}), size = file.ints("size", {0x7fffffff});
  file.op(Builtin::SHAPE, {x}, {shape}).builtin_options.Set(tflite::ShapeOptionsT{});
  file.op(Builtin::SLICE, {shape, begin, size}, {part})
      .builtin_options.Set(tflite::SliceOptionsT{});
  file.op(Builtin::RESHAPE, {x, part}, {y});
  CHECK_THROWS_AS(file.read({x}, {y}), Error);
}

TEST_CASE("a graph output that is shape arithmetic is refused", "[tflite]") {
  File file;
  const int32_t x = file.int8("x", {2, 3}), shape = file.computed_ints("shape", {2});
  file.op(Builtin::SHAPE, {x}, {shape}).builtin_options.Set(tflite::ShapeOptionsT{});
  try {
    file.read({x}, {shape});
    FAIL("it was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Unsupported);
  }
}

TEST_CASE("SQUEEZE and EXPAND_DIMS become RESHAPE, SLICE becomes STRIDED_SLICE", "[tflite]") {
  File file;
  const int32_t x = file.int8("x", {1, 4, 1, 6}), squeezed = file.int8("squeezed", {4, 6});
  const int32_t expanded = file.int8("expanded", {4, 1, 6}), y = file.int8("y", {2, 1, 5});
  const int32_t axis = file.ints("axis", {1}, true);
  const int32_t begin = file.ints("begin", {1, 0, 1}), size = file.ints("size", {2, 1, -1});
  file.op(Builtin::SQUEEZE, {x}, {squeezed}).builtin_options.Set(tflite::SqueezeOptionsT{});
  file.op(Builtin::EXPAND_DIMS, {squeezed, axis}, {expanded})
      .builtin_options.Set(tflite::ExpandDimsOptionsT{});
  file.op(Builtin::SLICE, {expanded, begin, size}, {y})
      .builtin_options.Set(tflite::SliceOptionsT{});
  const Graph graph = file.read({x}, {y});
  REQUIRE(graph.ops.size() == 3);
  CHECK(graph.ops[0].kind == OpKind::Reshape);
  CHECK(graph.ops[1].kind == OpKind::Reshape);
  CHECK(graph.ops[2].kind == OpKind::StridedSlice);
  const auto input = mcunet::testing::golden_inputs(graph, 1);
  const auto output = reference::Interpreter(graph).run(input);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t column = 0; column < 5; ++column) {
      CHECK(output[0][row * 5 + column] == input[0][(row + 1) * 6 + column + 1]);
    }
  }
}

TEST_CASE("negative axes count from the end", "[tflite]") {
  File file;
  const int32_t a = file.int8("a", {1, 4}), b = file.int8("b", {1, 2}), y = file.int8("y", {1, 6});
  tflite::ConcatenationOptionsT options;
  options.axis = -1;
  file.op(Builtin::CONCATENATION, {a, b}, {y}).builtin_options.Set(options);
  const Graph graph = file.read({a, b}, {y});
  CHECK(graph.ops.at(0).as<AxisAttrs>().axis == 1);
}
