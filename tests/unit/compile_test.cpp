// compile(): what it refuses, and the names it gives.
#include "compiler/compile.h"

#include <catch2/catch.hpp>

#include "compiler/fit.h"
#include "libmcunet/support/error.h"
#include "tests/support/builder.h"
#include "tests/support/compiled_batch.h"

using namespace mcunet;
using mcunet::testing::compile_for_test;
using mcunet::testing::GraphBuilder;

namespace {

// The tensor's constant data as another type of the same number of elements.
void retype(Tensor& tensor, DType dtype) {
  tensor.dtype = dtype;
  tensor.data = std::make_shared<const std::vector<uint8_t>>(tensor.byte_size());
}

Error refusal(const Graph& graph) {
  try {
    compile_for_test(graph, "refused");
  } catch (const Error& error) {
    return error;
  }
  FAIL("it was compiled");
  return {ErrorKind::Internal, ""};
}

}  // namespace

TEST_CASE("constants of other types are refused, not misread", "[compile]") {
  GraphBuilder build("constants", 1);
  const TensorId x = build.input({1, 4, 4, 3});
  SECTION("operands") {
    const TensorId c = build.constant({1, 1, 1, 3});
    Graph graph = build.build({build.add(x, c)});
    const DType dtype = GENERATE(DType::Float32, DType::Int32, DType::UInt8);
    retype(graph.tensor(c), dtype);
    graph.tensor(c).quantization = {{1.0f}, {0}, 0};
    CHECK(refusal(graph).kind() == ErrorKind::Unsupported);
  }
  SECTION("weights") {
    Graph graph = build.build({build.conv(x, 4, mcunet::testing::Window::square(3))});
    const DType dtype = GENERATE(DType::Float32, DType::UInt8);
    retype(graph.tensor(graph.ops[0].inputs[1]), dtype);
    CHECK(refusal(graph).kind() == ErrorKind::Unsupported);
  }
}

TEST_CASE("all problems are told at once", "[compile]") {
  GraphBuilder build("float", 2);
  const TensorId x = build.float_input({1, 4});
  const TensorId y = build.float_input({1, 4});
  Graph graph = build.build({build.reshape(x, {4}), build.reshape(y, {2, 2})});
  CHECK(refusal(graph).problems().size() == 2);
}

TEST_CASE("names become C identifiers", "[compile]") {
  CHECK(compiler::c_identifier("mcunet-320kb 1mb") == "mcunet_320kb_1mb");
  CHECK(compiler::c_identifier("9lives") == "net_9lives");
  CHECK(compiler::c_identifier("") == "net_");
  CHECK(compiler::c_identifier("\xc3\xa4") == "__");
}

TEST_CASE("what does not fit is refused with what would help", "[compile]") {
  GraphBuilder build("large", 3);
  const Graph graph =
      build.build({build.conv(build.input({1, 64, 64, 8}), 8, mcunet::testing::Window::square(3))});
  compiler::CompiledModel model = compile_for_test(graph, "large");
  CHECK_NOTHROW(compiler::require_fit(model));
  model.options.board.sram_bytes = model.sram.total() - 1;
  model.options.board.flash_bytes = 100;
  model.options.reserved_sram = 1024;
  try {
    compiler::require_fit(model);
    FAIL("it fits");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::DoesNotFit);
    CHECK(error.problems().size() == 2);
    const int64_t kib = (model.sram.total() + 1024 + 1023) / 1024;
    CHECK_THAT(error.what(), Catch::Contains("--sram " + std::to_string(kib) + "k"));
  }
  // Code that is yet to be linked does not count.
  model.options.board.sram_bytes = 1 << 20;
  model.options.board.flash_bytes = model.flash.weights + model.flash.constants;
  CHECK_NOTHROW(compiler::require_fit(model, false));
  CHECK_THROWS_AS(compiler::require_fit(model), Error);
}

TEST_CASE("schedules by name, and what they cost", "[compile]") {
  GraphBuilder build("schedules", 4);
  TensorId x = build.input({1, 24, 8, 4});
  for (const int32_t channels : {24, 2})
    x = build.depthwise(build.conv(x, channels, mcunet::testing::Window::square(1)), 1,
                        mcunet::testing::Window::square(3));
  const Graph graph = build.build({x});
  compiler::CompileOptions options;
  options.name = "net";
  options.board = find_board("stm32f746");
  const auto compiled = [&](compiler::ScheduleKind kind, bool rows) {
    options.schedule = kind;
    options.input_rows = rows;
    return compiler::compile(graph, std::string(64, '0'), options);
  };
  const auto layer = compiled(compiler::ScheduleKind::Layer, false);
  const auto stream = compiled(compiler::ScheduleKind::Stream, false);
  const auto rows = compiled(compiler::ScheduleKind::Stream, true);
  CHECK(layer.schedule.kind == "layer");
  CHECK(layer.overhead_cycles == 0);
  CHECK(stream.schedule.kind == "stream");
  CHECK(stream.overhead_cycles > 0);
  CHECK(stream.sram.arena < layer.sram.arena);
  CHECK(rows.schedule.input_rows);
  CHECK(rows.sram.arena < stream.sram.arena);
  CHECK(rows.sram.statics > stream.sram.statics);  // the context remembers where it was
  for (const auto* model : {&layer, &stream, &rows}) {
    CHECK(model->sram.lower_bound <= model->sram.arena);
    CHECK(model->sram.activations + model->sram.scratch == model->sram.arena);
    CHECK(model->recomputed_macs == 0);
  }
  // There is room for all of it: nothing slower is chosen.
  CHECK(compiled(compiler::ScheduleKind::Auto, false).overhead_cycles == 0);
  options.board.sram_bytes = stream.sram.total() + 64;
  CHECK(compiled(compiler::ScheduleKind::Auto, false).sram.total() <= options.board.sram_bytes);
}
