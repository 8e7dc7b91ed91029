// Layers taken together by kind and by block.
#include "profiler/layer_groups.h"

#include <catch2/catch.hpp>

#include "tests/support/builder.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

using Found = std::vector<std::pair<std::string, std::vector<size_t>>>;

Found blocks(const Graph& graph) {
  Found found;
  for (const LayerGroup& group : group_by_block(graph)) found.push_back({group.name, group.layers});
  return found;
}

}  // namespace

TEST_CASE("blocks of an inverted-residual network", "[groups]") {
  GraphBuilder build("mobile", 1);
  TensorId x = build.conv(build.input({1, 16, 16, 3}), 8, Window::square(3, 2));
  x = build.conv(build.depthwise(x, 1, Window::square(3)), 8, Window::square(1));
  x = build.conv(build.depthwise(build.conv(x, 24, Window::square(1)), 1, Window::square(3, 2)), 8,
                 Window::square(1));
  const TensorId y =
      build.conv(build.depthwise(build.conv(x, 24, Window::square(1)), 1, Window::square(5)), 8,
                 Window::square(1));
  x = build.conv(build.add(x, y), 32, Window::square(1));
  x = build.softmax(build.fully_connected(build.mean(x, {1, 2}), 10));
  const Graph graph = build.build({x});
  CHECK(blocks(graph) == Found{{"convolution", {0}},
                               {"separable", {1, 2}},
                               {"bottleneck", {3, 4, 5}},
                               {"residual", {6, 7, 8, 9}},
                               {"convolution", {10}},
                               {"head", {11, 12, 13}}});
  const std::vector<LayerGroup> kinds = group_by_kind(graph);
  REQUIRE(kinds.size() == 7);
  CHECK(kinds[0].name == "CONV_2D");
  CHECK(kinds[1].name == "DEPTHWISE_CONV_2D");
  CHECK(kinds[2].name == "CONV_2D 1x1");
  CHECK(kinds[2].layers == std::vector<size_t>{2, 3, 5, 6, 8, 10});
}

TEST_CASE("branches stay inside a block", "[groups]") {
  SECTION("an addition around two convolutions") {
    GraphBuilder build("resnet", 2);
    TensorId x = build.conv(build.input({1, 8, 8, 4}), 4, Window::square(3));
    x = build.add(x, build.conv(build.conv(x, 4, Window::square(3)), 4, Window::square(3)));
    x = build.conv(x, 4, Window::square(3));
    CHECK(blocks(build.build({x})) ==
          Found{{"convolution", {0}}, {"residual", {1, 2, 3}}, {"convolution", {4}}});
  }
  SECTION("squeeze and excite") {
    GraphBuilder build("se", 3);
    TensorId x = build.conv(build.input({1, 8, 8, 4}), 8, Window::square(1));
    x = build.depthwise(x, 1, Window::square(3));
    TensorId gate = build.mean(x, {1, 2}, true);
    gate = build.conv(build.conv(gate, 2, Window::square(1)), 8, Window::square(1));
    x = build.conv(build.mul(x, build.unary(OpKind::Logistic, gate)), 4, Window::square(1));
    const Found found = blocks(build.build({x}));
    REQUIRE(found.size() >= 1);
    CHECK(found[0].second == std::vector<size_t>{0, 1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("plain convolutions, pooling, and networks without either", "[groups]") {
  GraphBuilder build("vgg", 4);
  TensorId x = build.conv(build.input({1, 8, 8, 3}), 4, Window::square(3));
  x = build.max_pool(x, Window::square(2, 2));
  x = build.conv(build.conv(x, 4, Window::square(3)), 4, Window::square(1));
  x = build.average_pool(x, Window::square(4, 4));
  CHECK(
      blocks(build.build({x})) ==
      Found{{"convolution", {0, 1}}, {"convolution", {2}}, {"convolution", {3}}, {"pooling", {4}}});
  GraphBuilder dense("dense", 5);
  x = dense.fully_connected(dense.fully_connected(dense.input({1, 8}), 4), 2);
  CHECK(blocks(dense.build({x})) == Found{{"head", {0, 1}}});
  GraphBuilder one("one", 6);
  CHECK(blocks(one.build({one.unary(OpKind::Relu, one.input({1, 4}))})) ==
        Found{{"operators", {0}}});
  CHECK(group_by_block({}).empty());
}
