// Graphs as TorchScript source; what LibTorch makes of it: tests/torch/export_test.cpp.
#include <catch2/catch.hpp>

#include "libmcunet/support/error.h"
#include "libmcunet/torchscript/program.h"
#include "libmcunet/zoo/zoo.h"

using namespace mcunet;
using Catch::Matchers::Contains;

TEST_CASE("a list of layers as TorchScript source", "[torchscript]") {
  const Graph graph = zoo::to_float(zoo::build(zoo::get("mlperf-kws")));
  const torchscript::Program program = torchscript::program_of(graph);
  // 49×10 in steps of 2 under 10×4: one row more below than above, SAME.
  CHECK_THAT(program.source,
             Contains("def forward(self, x):\n"
                      "  v0 = torch.constant_pad_nd(x, [1, 1, 4, 5], 0.)\n"
                      "  v1 = torch.conv2d(v0, getattr(self.layers, \"0\").weight, "
                      "getattr(self.layers, \"0\").bias, [2, 2], [0, 0], [1, 1], 1)\n"
                      "  v2 = torch.relu(v1)\n"));
  CHECK_THAT(program.source, Contains(", [1, 1], [1, 1], [1, 1], 64)"));  // depthwise
  CHECK_THAT(program.source, Contains("torch.softmax("));
  REQUIRE(program.tensors.size() > 2);
  CHECK(program.tensors[0].tensor.name == "layers.0.weight");
  CHECK(program.tensors[0].tensor.shape == Shape{64, 1, 10, 4});
  CHECK(program.tensors[0].trained);
}

TEST_CASE("what has no TorchScript form is listed whole", "[torchscript]") {
  Graph graph = zoo::to_float(zoo::build(zoo::get("mlperf-ic")));
  int changed = 0;
  for (Op& op : graph.ops) {
    if (op.kind == OpKind::Softmax) {
      op.kind = OpKind::Tanh;
      ++changed;
    } else if (op.kind == OpKind::AveragePool2D) {
      op.as<PoolAttrs>().padding.bottom = 1;
      ++changed;
    }
  }
  REQUIRE(changed == 2);
  try {
    torchscript::program_of(graph);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Unsupported);
    CHECK(error.problems().size() == 2);
    CHECK_THAT(error.what(), Contains("TANH: it is not supported"));
    CHECK_THAT(error.what(), Contains("padding that differs from side to side"));
  }
}
