// The generated C with vectors of the PC (HostCode::Vectors) gives the interpreter's bytes.
#include <catch2/catch.hpp>
#include <iostream>
#include <set>
#include <string>

#include "compiler/compile.h"
#include "libmcunet/board/board.h"
#include "libmcunet/reference/interpreter.h"
#include "profiler/execution.h"
#include "tests/support/builder.h"
#include "tests/support/inputs.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

// Every depthwise kernel at both strides, 1×1 and 3×3 convolutions. Odd extents and channels: tails
// of strips, of fours of channels and of pairs of them.
Graph all_windows() {
  GraphBuilder b("windows", 21);
  b.weights.negative = 0.1;
  b.weights.tiny = 0.05;
  TensorId x = b.input({1, 47, 53, 3}, 1.0F / 64, 5);
  x = b.conv(x, 13, Window::square(3));
  for (const int kernel : {3, 5, 7}) {
    x = b.depthwise(x, 1, Window::square(kernel));
    x = b.conv(x, 15, Window::square(1));
    x = b.depthwise(x, 1, Window::square(kernel, 2, Activation::Relu6));
    x = b.conv(x, 13, Window::square(1, 1, Activation::Relu6));
  }
  return b.build({x});
}

}  // namespace

TEST_CASE("vectors of the host give the same bits", "[host]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: the host's code needs cc\n";
    return;
  }
  const compiler::CompiledModel model = compiler::compile(all_windows(), std::string(64, '0'),
                                                          {"windows", find_board("stm32f746"), {}});
  std::set<std::string> kernels;
  for (const auto& call : model.schedule.calls) kernels.insert(call.kernel);
  for (const char* kernel : {"conv_1x1", "depthwise_3x3", "depthwise_5x5", "depthwise_7x7",
                             "depthwise_3x3_s2", "depthwise_5x5_s2", "depthwise_7x7_s2"}) {
    CAPTURE(kernel);
    CHECK(kernels.count(kernel) == 1);
  }
  const reference::Interpreter interpreter(model.reference);
  std::vector<Buffers> inputs, expected;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    inputs.push_back(testing::golden_inputs(model.reference, seed));
    expected.push_back(interpreter.run(inputs.back()));
  }
  REQUIRE(expected[0] != expected[1]);
  CHECK(HostProgram(model, {}, compiler::HostCode::Vectors).run(inputs) == expected);
  CHECK(HostProgram(model, {}, compiler::HostCode::Plain).run(inputs) == expected);
}
