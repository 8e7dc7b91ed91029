// Preprocessing that travels with the model: in the .tflite file, through compile(), into the C.
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>

#include "compiler/codegen/emit_preprocess.h"
#include "compiler/codegen/sources.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/schema_generated.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/builder.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

// A network whose input takes a picture of 256 pixels.
Graph picture_network(int channels) {
  GraphBuilder build("picture", 1);
  const TensorId x = build.input({1, 16, 16, channels}, 0.0186F, -14);
  return build.build({build.conv(x, 4, Window::square(3, 2))});
}

compiler::CompiledModel compiled(const Graph& graph, compiler::EdgeType io) {
  compiler::CompileOptions options;
  options.name = "net";
  options.board = find_board("stm32f746");
  options.passes.io = io;
  return compiler::compile(graph, std::string(64, '0'), options);
}

std::string header(const compiler::CompiledModel& model) {
  return compiler::emit_header(model).text;
}

// Every pixel value in every channel.
Image all_pixels(int channels) {
  Image image(16, 16, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(i / static_cast<size_t>(channels));
  return image;
}

// What the header's function gives for all_pixels(), compiled on its own.
std::vector<uint8_t> values_from_c(const compiler::CompiledModel& model) {
  const TemporaryDirectory directory;
  const Tensor& input = model.graph.tensor(model.graph.inputs[0]);
  write_file_atomically(directory.path() / "net.h", header(model));
  write_file_atomically(directory.path() / "main.c",
                        "#include <stdio.h>\n#include \"net.h\"\nint main(void) {\n"
                        "  for (int p = 0; p < 256; p++) {\n"
                        "    for (size_t c = 0; c < NET_PREPROCESS_CHANNELS; c++) {\n"
                        "      const NET_INPUT_0_TYPE value = net_preprocess((uint8_t)p, c);\n"
                        "      fwrite(&value, sizeof value, 1, stdout);\n    }\n  }\n"
                        "  return NET_PREPROCESS_WIDTH == 16u ? 0 : 1;\n}\n");
  ProcessOptions options;
  options.directory = directory.path().string();
  const ProcessResult built =
      run_process({"cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow",
                   "-Werror", "-O2", "main.c", "-o", "main"},
                  options);
  INFO(built.errors);
  REQUIRE(built.ok());
  const ProcessResult run = run_process({(directory.path() / "main").string()});
  REQUIRE(run.ok());
  CHECK(run.output.size() == input.byte_size());
  return {run.output.begin(), run.output.end()};
}

tflite::ModelT unpacked(const Graph& graph) {
  const std::vector<uint8_t> bytes = write_tflite(graph);
  tflite::ModelT model;
  tflite::GetModel(bytes.data())->UnPackTo(&model);
  return model;
}

std::vector<uint8_t> packed(const tflite::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite::Model::Pack(builder, &model), tflite::ModelIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

std::string refusal(const std::vector<uint8_t>& bytes) {
  try {
    read_tflite(bytes, "x");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
    return error.what();
  }
  FAIL_CHECK("it was read");
  return "";
}

}  // namespace

TEST_CASE("stored preprocessing: through the file and the passes") {
  Graph graph = picture_network(3);
  CHECK_FALSE(stored_preprocess(graph).has_value());
  Preprocess preprocess = find_preprocess("imagenet");
  preprocess.resize = 20;
  store_preprocess(graph, preprocess);
  graph.metadata["mcunet.other"] = "kept too";

  const Graph read = read_tflite(write_tflite(graph), "x");
  CHECK(read.metadata == graph.metadata);
  const std::optional<Preprocess> found = stored_preprocess(read);
  REQUIRE(found.has_value());
  CHECK(found->mean == preprocess.mean);
  CHECK(found->deviation == preprocess.deviation);
  CHECK(found->resize == 20);
  CHECK(found->name == "stored in the model");

  const compiler::CompiledModel model = compiled(read, compiler::EdgeType::Int8);
  CHECK(model.source.metadata == graph.metadata);
  CHECK(model.graph.metadata == graph.metadata);
}

TEST_CASE("stored preprocessing: a file's other metadata is left alone") {
  tflite::ModelT file = unpacked(picture_network(3));
  file.metadata.push_back(std::make_unique<tflite::MetadataT>());
  file.metadata.back()->name = "min_runtime_version";
  file.metadata.back()->buffer = 12345;
  file.metadata.push_back(std::make_unique<tflite::MetadataT>());  // without a name
  CHECK(read_tflite(packed(file), "x").metadata.empty());
}

TEST_CASE("stored preprocessing: what is not sound is refused as a file is") {
  const auto with = [](const std::string& text) {
    Graph graph = picture_network(3);
    graph.metadata["mcunet.preprocess"] = text;
    return write_tflite(graph);
  };
  CHECK(refusal(with("")).find("metadata mcunet.preprocess: not JSON") == 0);
  CHECK(refusal(with("[]")).find("not a JSON object") != std::string::npos);
  CHECK(refusal(with(std::string(65537, ' '))).find("too many") != std::string::npos);
  CHECK(refusal(with(std::string(60000, '['))).find("not JSON") != std::string::npos);
  CHECK(refusal(with("{\"\xFF\": 1}")).find("not JSON") != std::string::npos);
  for (const char* field :
       {R"("mean": 1e999)", R"("mean": 1e300)", R"("std": 1e-300)", R"("std": [1, 1, -1])",
        R"("resize": 1e9)", R"("resize": 99999999999999999999)", R"("fit": null)"}) {
    INFO(field);
    refusal(with(std::string(R"({"schema": "mcunet.preprocess/1", )") + field + "}"));
  }

  tflite::ModelT file = unpacked(picture_network(3));
  file.metadata.push_back(std::make_unique<tflite::MetadataT>());
  file.metadata.back()->name = "mcunet.preprocess";
  file.metadata.back()->buffer = 12345;
  CHECK(refusal(packed(file)).find("buffer 12345 is out of range") != std::string::npos);
  Graph graph = picture_network(3);
  store_preprocess(graph, {});
  file = unpacked(graph);
  file.metadata.push_back(std::make_unique<tflite::MetadataT>(*file.metadata.back()));
  CHECK(refusal(packed(file)).find("is there twice") != std::string::npos);
}

TEST_CASE("stored preprocessing: the generated header, and what its function gives") {
  Graph graph = picture_network(3);
  CHECK(header(compiled(graph, compiler::EdgeType::Int8)).find("PREPROCESS") == std::string::npos);
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: no C compiler (cc)\n";
    return;
  }
  const int channels = GENERATE(1, 3);
  const auto io =
      GENERATE(compiler::EdgeType::Int8, compiler::EdgeType::UInt8, compiler::EdgeType::Float32);
  const auto* name = GENERATE("imagenet", "minus-one-one", "mcunet-int8");
  CAPTURE(channels, static_cast<int>(io), name);
  graph = picture_network(channels);
  const Preprocess preprocess = find_preprocess(name);
  store_preprocess(graph, preprocess);
  const compiler::CompiledModel model = compiled(graph, io);
  CHECK(header(model).find("its shorter side scaled to 18 pixels") != std::string::npos);
  CHECK(values_from_c(model) == network_input(all_pixels(channels),
                                              model.graph.tensor(model.graph.inputs[0]), preprocess,
                                              "x"));
}

TEST_CASE("stored preprocessing: nothing is said of inputs that are no images") {
  GraphBuilder build("vector", 1);
  Graph graph = build.build({build.fully_connected(build.input({1, 8}), 4)});
  store_preprocess(graph, {});
  CHECK(compiler::preprocess_section(compiled(graph, compiler::EdgeType::Int8)).empty());
}
