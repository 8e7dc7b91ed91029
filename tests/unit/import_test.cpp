// Importers: what becomes of layouts, what is folded, what is refused and how.
#include "quant/import/import.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "libmcunet/checkpoint/write.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "quant/import/arithmetic.h"
#include "quant/import/nearest.h"
#include "quant/import/onnx/read.h"
#include "quant/import/tflite_weights.h"
#include "tests/support/mutants.h"
#include "tests/support/onnx_model.h"

using namespace mcunet;
using namespace mcunet::import;
using Catch::Matchers::Contains;
using mcunet::testing::OnnxModel;
namespace fs = std::filesystem;

namespace {

using Ints = std::vector<int64_t>;

OnnxOptions options_named(const std::string& name = "net") {
  OnnxOptions options;
  options.name = name;
  return options;
}

Graph read(const OnnxModel& model) { return read_onnx(model.bytes(), options_named()); }

Error read_error(const OnnxModel& model, const OnnxOptions& options = options_named()) {
  try {
    read_onnx(model.bytes(), options);
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}

Error import_error(const std::string& path, const ImportOptions& options = {}) {
  try {
    import_network(path, options);
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}

std::vector<OpKind> kinds(const Graph& graph) {
  std::vector<OpKind> all;
  for (const Op& op : graph.ops) all.push_back(op.kind);
  return all;
}

std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 17) - 8;
  return values;
}

// x [1, 2, 4, 4] → 1×1 convolution to 3 channels.
OnnxModel small_model(int64_t opset = 17, const Ints& shape = {1, 2, 4, 4}) {
  OnnxModel model(opset);
  model.input("x", shape);
  model.output("y");
  model.constant("w", {3, 2, 1, 1}, ramp(6));
  return model;
}

std::vector<float> run(const Graph& graph, const std::vector<float>& input) {
  std::vector<uint8_t> bytes(input.size() * sizeof(float));
  std::memcpy(bytes.data(), input.data(), bytes.size());
  const std::vector<uint8_t> out = reference::Interpreter(graph).run({bytes}).front();
  std::vector<float> values(out.size() / sizeof(float));
  std::memcpy(values.data(), out.data(), out.size());
  return values;
}

// A convolutional network with everything that the fuzzer should touch.
OnnxModel rich_model() {
  OnnxModel model = small_model();
  for (const char* name : {"g", "v"}) model.constant(name, {3}, {1, 2, 3});
  model.node("Conv", {"x", "w"}, {"a"}).set("pads", Ints{1, 0, 1, 0});
  model.node("BatchNormalization", {"a", "g", "g", "g", "v"}, {"b"});
  model.node("Relu", {"b"}, {"c"});
  model.node("MaxPool", {"c"}, {"d"}).set("kernel_shape", Ints{2, 2}).set("strides", Ints{2, 2});
  model.node("Shape", {"d"}, {"shape"});
  model.constant("zero", {0});
  model.constant("minus", {-1});
  model.node("Gather", {"shape", "zero"}, {"n"});
  model.node("Concat", {"n", "minus"}, {"flat"}).set("axis", int64_t{0});
  model.node("Reshape", {"d", "flat"}, {"e"});
  model.constant("m", {18, 4}, ramp(72));
  model.node("Gemm", {"e", "m"}, {"f"});
  model.node("Softmax", {"f"}, {"y"});
  return model;
}

}  // namespace

// ---- layouts

TEST_CASE("a reshape in memory follows the dimensions where it can", "[import]") {
  const std::vector<int> nhwc = image_order();
  CHECK(reshaped_order({1, 8, 4, 4}, nhwc, {1, 2, 4, 4, 4}) == std::vector<int>{0, 3, 4, 1, 2});
  CHECK(reshaped_order({1, 8, 4, 5}, nhwc, {1, 8, 20}) == std::vector<int>{0, 2, 1});
  CHECK(reshaped_order({1, 8, 4, 4}, nhwc, {1, 128}).empty());
  CHECK(reshaped_order({1, 8, 1, 1}, nhwc, {1, 8}) == std::vector<int>{0, 1});
  CHECK(reshaped_order({1, 8}, {0, 1}, {1, 8, 1, 1}) == nhwc);
  CHECK(reshaped_order({1, 2, 4, 4, 4}, {0, 3, 4, 1, 2}, {1, 8, 4, 4}) == nhwc);
  CHECK(reshaped_order({1, 2, 4, 4, 4}, {0, 3, 4, 2, 1}, {1, 8, 4, 4}).empty());
  CHECK(reshaped_order({2, 3}, {0, 1}, {3, 2}) == std::vector<int>{0, 1});
  CHECK(reshaped_order({2, 3}, {1, 0}, {3, 2}).empty());
}

TEST_CASE("arithmetic on shapes", "[import]") {
  const Constant x = {{2, 3}, {1, 2, 3, 4, 5, 6}, true};
  CHECK(permuted(x, {1, 0}).values == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(sliced(x, 1, -2, INT64_MAX, 1).values == std::vector<double>{2, 3, 5, 6});
  CHECK(sliced(x, 1, -1, INT64_MIN, -2).values == std::vector<double>{3, 1, 6, 4});
  CHECK(gathered(x, Constant::integers({-1}), 0).values == std::vector<double>{4, 5, 6});
  CHECK(concatenated({x, x}, -1).shape == Ints{2, 6});
  CHECK(combined(x, Constant::integers({1, 0, 2}), std::multiplies<double>()).values ==
        std::vector<double>{1, 0, 6, 4, 0, 12});
  CHECK(reshaped(x, {-1, 2}).shape == Ints{3, 2});
  CHECK(squeezed({1, 3, 1}, {}) == Ints{3});
  CHECK(squeezed({1, 3, 1}, {-1}) == Ints{1, 3});
  CHECK(unsqueezed({3}, {0, -1}) == Ints{1, 3, 1});
  CHECK_THROWS_AS(squeezed({2}, {0}), Error);
  CHECK_THROWS_AS(unsqueezed({2}, {0, 0}), Error);
  CHECK_THROWS_AS(gathered(x, Constant::integers({2}), 0), Error);
  CHECK_THROWS_AS(reshaped(x, {4, -1}), Error);
  CHECK_THROWS_AS(filled({1 << 12, 1 << 12}, 0, false), Error);
  CHECK(Constant::scalar(1e30).as_integers() == Ints{INT64_MAX});
}

TEST_CASE("nearest neighbours as the frameworks choose them", "[import]") {
  CHECK(torch_neighbours(3, 6, 2) == NearestIndex{0, 0, 1, 1, 2, 2});
  CHECK(torch_neighbours(5, 3, 0) == NearestIndex{0, 1, 3});
  CHECK(onnx_neighbours(3, 6, 2, "half_pixel", "round_prefer_floor") ==
        NearestIndex{0, 0, 1, 1, 2, 2});
  CHECK(onnx_neighbours(2, 4, 2, "asymmetric", "ceil") == NearestIndex{0, 1, 1, 1});
  CHECK(onnx_neighbours(3, 5, 1, "align_corners", "round_prefer_ceil") ==
        NearestIndex{0, 1, 1, 2, 2});
  CHECK_THROWS_AS(onnx_neighbours(3, 5, 1, "tf_crop_and_resize", "floor"), Error);
}

// ---- ONNX

TEST_CASE("an image is NHWC and its flattened columns are reordered", "[import]") {
  OnnxModel model(17);
  model.input("x", {1, 2, 2, 2});
  model.output("y");
  std::vector<float> matrix(64, 0);  // the identity
  for (size_t i = 0; i < 8; ++i) matrix[9 * i] = 1;
  model.constant("m", {8, 8}, matrix);
  model.node("Flatten", {"x"}, {"f"});
  model.node("Relu", {"f"}, {"r"});
  model.node("Gemm", {"r", "m"}, {"y"});
  const Graph graph = read(model);
  CHECK(kinds(graph) == std::vector<OpKind>{OpKind::Relu, OpKind::Reshape, OpKind::FullyConnected});
  // Value 10c + 2h + w at channel c, row h, column w.
  CHECK(run(graph, {0, 10, 1, 11, 2, 12, 3, 13}) == std::vector<float>{0, 1, 2, 3, 10, 11, 12, 13});
}

TEST_CASE("batch norm and activations end in the convolution", "[import]") {
  OnnxModel model = small_model();
  for (const char* name : {"g", "b"}) model.constant(name, {3}, {1, -2, 3});
  model.constant("v", {3}, {1, 4, 9});
  model.constant("low", {}, {0});
  model.constant("high", {}, {6});
  model.node("Conv", {"x", "w"}, {"a"});
  model.node("BatchNormalization", {"a", "g", "b", "b", "v"}, {"c"}).set("epsilon", 0.0);
  model.node("Clip", {"c", "low", "high"}, {"y"});
  const Graph graph = read(model);
  REQUIRE(graph.ops.size() == 1);
  CHECK(graph.ops[0].as<ConvAttrs>().activation == mcunet::Activation::Relu6);
  const float* weights = graph.input(graph.ops[0], 1).constant<float>();
  CHECK(weights[0] == -8.0F);         // · 1/1
  CHECK(weights[2] == Approx(6.0F));  // −6 · −2/2
  const float* bias = graph.input(graph.ops[0], 2).constant<float>();
  CHECK(bias[0] == Approx(0.0F));   // 1 − 1·1
  CHECK(bias[1] == Approx(-4.0F));  // −2 + 2·−1
  CHECK(graph.tensor(graph.outputs[0]).name == "y");
}

TEST_CASE("what others read is not folded", "[import]") {
  OnnxModel model = small_model();
  model.constant("two", {}, {2});
  model.node("Conv", {"x", "w"}, {"a"});
  model.node("Mul", {"a", "two"}, {"b"});
  model.node("Relu", {"a"}, {"c"});
  model.node("Add", {"b", "c"}, {"y"});
  CHECK(kinds(read(model)) ==
        std::vector<OpKind>{OpKind::Conv2D, OpKind::Mul, OpKind::Relu, OpKind::Add});
}

TEST_CASE("hard swish is recognised in its parts", "[import]") {
  const bool divided_last = GENERATE(false, true);
  OnnxModel model = small_model();
  model.constant("three", {}, {3});
  model.constant("six", {}, {6});
  model.constant("zero", {}, {0});
  model.node("Conv", {"x", "w"}, {"a"});
  model.node("Add", {"a", "three"}, {"b"});
  model.node("Clip", {"b", "zero", "six"}, {"c"});
  if (divided_last) {
    model.node("Mul", {"a", "c"}, {"d"});
    model.node("Div", {"d", "six"}, {"y"});
  } else {
    model.node("Div", {"c", "six"}, {"d"});
    model.node("Mul", {"a", "d"}, {"y"});
  }
  CHECK(kinds(read(model)) == std::vector<OpKind>{OpKind::Conv2D, OpKind::HardSwish});
}

TEST_CASE("an image that comes as NHWC stays as it is", "[import]") {
  OnnxModel model = small_model(17, {1, 4, 5, 2});
  model.node("Transpose", {"x"}, {"t"}).set("perm", Ints{0, 3, 1, 2});
  model.node("Conv", {"t", "w"}, {"c"});
  model.node("Transpose", {"c"}, {"y"}).set("perm", Ints{0, 2, 3, 1});
  const Graph graph = read(model);
  CHECK(kinds(graph) == std::vector<OpKind>{OpKind::Conv2D});
  CHECK(graph.tensor(graph.inputs[0]).shape == Shape{1, 4, 5, 2});
  CHECK(graph.tensor(graph.outputs[0]).shape == Shape{1, 4, 5, 3});
}

TEST_CASE("unknown extents: one image, and the rest is asked for", "[import]") {
  OnnxModel model = small_model(17, {0, 2, 0, 0});
  model.node("Conv", {"x", "w"}, {"y"});
  const Error error = read_error(model);
  CHECK(error.kind() == ErrorKind::Usage);
  CHECK_THAT(error.what(), Contains("input 'x': extent 2 is not in the file"));
  OnnxOptions options = options_named();
  options.resolution = 6;
  CHECK(read_onnx(model.bytes(), options).tensor(0).shape == Shape{1, 6, 6, 2});
  options.resolution.reset();
  options.input_shape = Shape{1, 2, 3, 9};
  CHECK(read_onnx(model.bytes(), options).tensor(0).shape == Shape{1, 3, 9, 2});
  options.input_shape = Shape{2, 3};
  CHECK(read_error(model, options).kind() == ErrorKind::Usage);
}

TEST_CASE("every operator that is not supported is named", "[import]") {
  OnnxModel model = small_model();
  model.node("Erf", {"x"}, {"a"});
  model.node("Conv", {"a", "w"}, {"b"});
  model.node("MaxPool", {"x"}, {"c"}).set("kernel_shape", Ints{2, 2}).set("dilations", Ints{2, 2});
  model.node("Gelu", {"x"}, {"unused"});  // nothing depends on it
  model.constant("s", {4}, {1, 1, 1.3F, 1.3F});
  model.node("Resize", {"x", "", "s"}, {"d"}).set("mode", "linear");
  model.node("Sum", {"b", "c", "d"}, {"y"});
  // ONNX's checker knows no Gelu, so this is a model that it does not see.
  model.proto().mutable_opset_import(0)->set_version(18);
  const Error error = read_error(model);
  CHECK(error.kind() == ErrorKind::Unsupported);
  REQUIRE(error.problems().size() == 4);
  CHECK_THAT(error.problems()[0], Contains("node 0 'Erf0' Erf: this operator is not supported"));
  CHECK_THAT(error.problems()[1], Contains("MaxPool: pooling with dilation"));
  CHECK_THAT(error.problems()[2], Contains("Resize: mode linear; only nearest is supported"));
  CHECK_THAT(error.problems()[3], Contains("supported are Abs, Add, AveragePool"));
}

TEST_CASE("opsets and damaged models", "[import]") {
  for (const int64_t opset : {10, 19}) {
    OnnxModel model = small_model(opset);
    model.node("Conv", {"x", "w"}, {"y"});
    const Error error = read_error(model);
    CHECK(error.kind() == ErrorKind::Unsupported);
    CHECK_THAT(error.what(), Contains("opset " + std::to_string(opset)));
  }
  OnnxModel unknown = small_model();
  unknown.node("Conv", {"x", "w"}, {"y"}).set("padding", Ints{1});
  CHECK(read_error(unknown).kind() == ErrorKind::Input);
  CHECK_THAT(read_error(unknown).what(), Contains("ONNX's checker"));
  OnnxModel nowhere = small_model(18);
  nowhere.node("Conv", {"x", "weights"}, {"y"});
  CHECK_THAT(read_error(nowhere).what(), Contains("reads 'weights', which nothing gives"));
  OnnxModel misfit = small_model(17, {1, 3, 4, 4});
  misfit.node("Conv", {"x", "w"}, {"y"});
  CHECK(read_error(misfit).kind() == ErrorKind::Input);
  CHECK_THAT(read_error(misfit).what(), Contains("weights for 2 input channels"));
  OnnxModel broken = small_model();
  broken.node("Conv", {"x", "w"}, {"y"});
  broken.proto().mutable_graph()->mutable_initializer(0)->set_float_data(3, NAN);
  CHECK_THAT(read_error(broken).what(), Contains("weight holds a NaN"));
}

TEST_CASE("weights in another file are read from beside the model only", "[import]") {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "w.bin", std::vector<uint8_t>(4 + 6 * 4, 0));
  OnnxModel model = small_model();
  model.node("Conv", {"x", "w"}, {"y"});
  onnx::TensorProto& tensor = *model.proto().mutable_graph()->mutable_initializer(0);
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&](const char* key, const std::string& value) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", "w.bin");
  add("offset", "4");
  add("length", "24");
  OnnxOptions options = options_named();
  options.directory = directory.path();
  CHECK(read_onnx(model.bytes(), options).ops.size() == 1);
  tensor.mutable_external_data(1)->set_value("8");
  CHECK_THAT(read_error(model, options).what(), Contains("beyond the end"));
  for (const char* location : {"../w.bin", "/etc/passwd", ""}) {
    tensor.mutable_external_data(0)->set_value(location);
    CHECK_THAT(read_error(model, options).what(), Contains("outside the model's directory"));
  }
}

TEST_CASE("truncated and mutated ONNX models are read or refused", "[import]") {
  const uint64_t seed = 21;
  const size_t count = std::getenv("MCUNET_NIGHTLY") != nullptr ? 10'000 : 1000;
  CAPTURE(seed);
  const std::vector<uint8_t> file = rich_model().bytes();
  const auto read_bytes = [](const std::vector<uint8_t>& bytes) {
    try {
      read_onnx(bytes, options_named());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Usage) throw;  // a shape was lost
    }
  };
  CHECK_NOTHROW(read_bytes(file));
  for (const auto& wrong : testing::misread(testing::truncated(file, 50), read_bytes))
    FAIL_CHECK(wrong);
  for (const auto& wrong : testing::misread(testing::mutants(file, count, seed), read_bytes))
    FAIL_CHECK(wrong);
  // Without ONNX's checker before them the importer's own checks see every fault.
  OnnxModel model = rich_model();
  model.proto().mutable_opset_import(0)->set_version(18);
  for (const auto& wrong :
       testing::misread(testing::mutants(model.bytes(), count, seed), read_bytes))
    FAIL_CHECK(wrong);
}

// ---- .tflite, and choosing by content

TEST_CASE("quantized weights of float models are dequantized", "[import]") {
  const fs::path models = fs::path(MCUNET_SOURCE_DIR) / ".." / "shared" / "models";
  if (!fs::exists(models)) {
    std::cout << "skipped: quantized weights, no ../shared/models\n";
    return;
  }
  const Graph graph = import_network((models / "mlperf_kws_float.tflite").string());
  const Graph file = read_tflite(read_file(models / "mlperf_kws_float.tflite"), "kws");
  size_t quantized = 0;
  for (const Op& op : file.ops) {
    for (const TensorId id : op.inputs) {
      const Tensor& stored = file.tensor(id);
      if (stored.dtype != DType::Int8) continue;
      ++quantized;
      const Tensor& real = graph.tensor(id);
      REQUIRE(real.dtype == DType::Float32);
      const size_t last = static_cast<size_t>(stored.elements()) - 1;
      const float scale = stored.quantization.scales.back();
      CHECK(real.constant<float>()[last] ==
            scale * static_cast<float>(stored.constant<int8_t>()[last]));
    }
  }
  CHECK(quantized > 0);
  const Error error = import_error((models / "mlperf_kws_int8.tflite").string());
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("quantized already"));
}

TEST_CASE("files are told apart by their content", "[import]") {
  const TemporaryDirectory directory;
  const auto file = [&](const char* name, const std::vector<uint8_t>& bytes) {
    write_file_atomically(directory.path() / name, bytes);
    return (directory.path() / name).string();
  };
  const std::string onnx = file("model.bin", rich_model().bytes());
  CHECK(import_network(onnx).name == "model");
  ImportOptions with_checkpoint;
  with_checkpoint.checkpoint = "w.pth";
  CHECK(import_error(onnx, with_checkpoint).kind() == ErrorKind::Usage);
  const Error weights = import_error(file("w.pth", checkpoint::write_state_dict({})));
  CHECK(weights.kind() == ErrorKind::Usage);
  CHECK_THAT(weights.what(), Contains("--checkpoint"));
  const Error description = import_error(file("net.json", {'{', '}'}));
  CHECK(description.kind() == ErrorKind::Usage);
  CHECK_THAT(description.what(), Contains("--checkpoint W.pth"));
  for (const auto& [name, bytes] : {std::pair<const char*, std::vector<uint8_t>>{"empty", {}},
                                    {"text", {'h', 'i', '!', '\n'}}}) {
    const Error unknown = import_error(file(name, bytes));
    CHECK(unknown.kind() == ErrorKind::Input);
    CHECK_THAT(unknown.what(), Contains("neither"));
  }
  CHECK(import_error("/nonexistent/net.onnx").kind() == ErrorKind::Input);
  std::vector<uint8_t> zip = checkpoint::write_state_dict({});
  zip.resize(zip.size() / 2);
  CHECK_THAT(import_error(file("cut.pt", zip)).what(), Contains("cut.pt"));
}
