// Runs of operators in miniature: how many rows a ring has, where outputs may lie, who makes a row
// when. Figures follow from the windows by hand; STREAMING.md says why.
#include "compiler/schedule/run_shape.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/support/builder.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Window;

namespace {

RunSpec rows_run(int first, int end, bool bottom_up = false) {
  RunSpec run;
  run.first = first;
  run.end = end;
  run.kind = RunKind::Rows;
  run.bottom_up = bottom_up;
  return run;
}

RunSpec whole_run(int op) {
  RunSpec run;
  run.first = op;
  run.end = op + 1;
  return run;
}

// Rows of the rings by the operator that fills them; -1 for the network's input.
std::map<int, int32_t> ring_rows(const RowGraph& graph, const RunShape& shape) {
  std::map<int, int32_t> rows;
  for (const Ring& ring : shape.rings)
    rows[graph.storages[static_cast<size_t>(ring.storage)].producer] = ring.rows;
  return rows;
}

RunShape shape_of(const RowGraph& graph, const RunSpec& run) {
  return RunSimulator(graph).simulate(run);
}

}  // namespace

TEST_CASE("a ring has as many rows as its consumer's window", "[run_shape]") {
  for (const int32_t stride : {1, 2, 3}) {
    for (const int32_t kernel : {1, 2, 3, 5}) {
      for (const int32_t height : {1, 4, 17}) {
        GraphBuilder build("chain", 1);
        const TensorId x = build.conv(build.input({1, height, 3, 4}), 4, Window::square(1));
        const RowGraph graph =
            row_graph(build.build({build.depthwise(x, 1, Window::square(kernel, stride))}));
        for (const bool bottom_up : {false, true}) {
          CAPTURE(stride, kernel, height, bottom_up);
          const RunShape shape = shape_of(graph, rows_run(0, 2, bottom_up));
          // SAME padding: the first window may begin above the image, so that a low image has fewer
          // rows in any window.
          const int32_t rows = ring_rows(graph, shape).at(0);
          CHECK(rows <= std::min(kernel, height));
          if (height >= 2 * kernel + stride) CHECK(rows == kernel);
          CHECK(shape.order.size() >= static_cast<size_t>(height) / 2);
        }
      }
    }
  }
}

TEST_CASE("dilated windows keep the rows between their taps", "[run_shape]") {
  GraphBuilder build("dilated", 1);
  const TensorId x = build.conv(build.input({1, 20, 3, 4}), 4, Window::square(1));
  Window window = Window::square(3);
  window.dilation_h = 3;
  const RowGraph graph = row_graph(build.build({build.depthwise(x, 1, window)}));
  CHECK(ring_rows(graph, shape_of(graph, rows_run(0, 2))).at(0) == 7);
}

TEST_CASE("a residual waits for half of the window between", "[run_shape]") {
  for (const int32_t kernel : {3, 5, 7}) {
    GraphBuilder build("residual", 1);
    const TensorId x = build.conv(build.input({1, 24, 4, 8}), 8, Window::square(1));
    TensorId y = build.conv(x, 16, Window::square(1));
    y = build.depthwise(y, 1, Window::square(kernel));
    y = build.conv(y, 8, Window::square(1));
    const RowGraph graph = row_graph(build.build({build.add(x, y)}));
    const auto rows = ring_rows(graph, shape_of(graph, rows_run(0, 5)));
    CAPTURE(kernel);
    CHECK(rows.at(0) == kernel / 2 + 1);
    CHECK(rows.at(1) == kernel);
    CHECK(rows.at(2) == 1);
    CHECK(rows.at(3) == 1);
  }
}

TEST_CASE("a row is made when it is asked for", "[run_shape]") {
  GraphBuilder build("order", 1);
  const TensorId x = build.conv(build.input({1, 4, 2, 2}), 2, Window::square(1));
  const RowGraph graph = row_graph(build.build({build.depthwise(x, 1, Window::square(3))}));
  CHECK(shape_of(graph, rows_run(0, 2)).order == std::vector<uint8_t>{0, 0, 1, 0, 1, 0, 1, 1});
}

TEST_CASE("rows of the input come when they are needed, and all of them", "[run_shape]") {
  GraphBuilder build("input", 1);
  const TensorId x = build.input({1, 8, 3, 2});
  SECTION("the last ones are not needed") {
    // Rows 0–2 and 3–5; 6 and 7 arrive all the same.
    const RowGraph graph = row_graph(build.build(
        {build.conv(x, 2, Window::square(3, 3, Activation::None, PaddingMode::Valid))}));
    RunSpec run = rows_run(0, 1);
    run.input_rows = true;
    const RunShape shape = shape_of(graph, run);
    const uint8_t in = kInputRow;
    CHECK(shape.order == std::vector<uint8_t>{in, in, in, 0, in, in, in, 0, in, in});
    CHECK(ring_rows(graph, shape).at(-1) == 3);
  }
  SECTION("padding alone makes the first row of the output") {
    Window window = Window::square(1);
    window.mode = PaddingMode::Explicit;
    window.padding.top = window.padding.bottom = 1;
    const RowGraph graph = row_graph(build.build({build.conv(x, 2, window)}));
    RunSpec run = rows_run(0, 1);
    run.input_rows = true;
    const RunShape shape = shape_of(graph, run);
    CHECK(shape.order.front() == kInputRow);
    CHECK(std::count(shape.order.begin(), shape.order.end(), kInputRow) == 8);
    CHECK(std::count(shape.order.begin(), shape.order.end(), 0) == 10);
  }
}

TEST_CASE("a mean in a run takes all rows before its reader has any", "[run_shape]") {
  GraphBuilder build("gate", 1);
  const TensorId x = build.conv(build.input({1, 6, 2, 4}), 4, Window::square(1));
  SECTION("over rows and columns") {
    const TensorId y = build.conv(build.mean(x, {1, 2}, true), 3, Window::square(1));
    const RowGraph graph = row_graph(build.build({y}));
    const RunShape shape = shape_of(graph, rows_run(0, 3));
    CHECK(shape.order == std::vector<uint8_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2});
    CHECK(ring_rows(graph, shape) == std::map<int, int32_t>{{0, 1}, {1, 1}});
    CHECK(shape.sums == 16);
  }
  SECTION("over rows, which leaves the columns as rows") {
    const TensorId y = build.unary(OpKind::Tanh, build.mean(x, {1}));
    const RowGraph graph = row_graph(build.build({y}));
    const RunShape shape = shape_of(graph, rows_run(0, 3));
    CHECK(ring_rows(graph, shape) == std::map<int, int32_t>{{0, 1}, {1, 2}});
    CHECK(std::count(shape.order.begin(), shape.order.end(), 2) == 2);
  }
}

TEST_CASE("an output lies over what its input no longer needs", "[run_shape]") {
  const auto overlap = [](const Graph& graph, const RunSpec& run) {
    const RunShape shape = RunSimulator(row_graph(graph)).simulate(run);
    REQUIRE(shape.overlaps.size() == 1);
    return shape.overlaps.front();
  };
  GraphBuilder build("overlap", 1);
  const TensorId x = build.input({1, 10, 4, 8});  // 32 bytes per row
  SECTION("depthwise 3x3: two rows apart") {
    // Row y is written while row y − 1 is needed: (y + 1) · 32 − (y − 1) · 32.
    const Graph graph = build.build({build.depthwise(x, 1, Window::square(3))});
    CHECK(overlap(graph, rows_run(0, 1)).distance == 64);
    CHECK(overlap(graph, whole_run(0)).distance == 64);
    CHECK(overlap(graph, whole_run(0)).below);
  }
  SECTION("from the bottom up the distance points the other way") {
    const Overlap found =
        overlap(build.build({build.depthwise(x, 1, Window::square(3))}), rows_run(0, 1, true));
    CHECK_FALSE(found.below);
    CHECK(found.distance == 64);
  }
  SECTION("sizes that are no multiples of the alignment, from the bottom up") {
    const TensorId odd = build.input({1, 7, 1, 5});  // 35 bytes, 77 bytes
    const Graph graph = build.build({build.conv(odd, 11, Window::square(1))});
    // Row y of the output, at 11 · y, must not begin before the 5 · (y + 1) bytes still needed end.
    CHECK(overlap(graph, rows_run(0, 1, true)).distance == 5);
  }
  SECTION("elementwise in place") {
    const Graph graph = build.build({build.unary(OpKind::Tanh, x)});
    CHECK(overlap(graph, whole_run(0)).distance == 0);
    CHECK(overlap(graph, rows_run(0, 1)).distance == 0);
    CHECK(overlap(graph, rows_run(0, 1, true)).distance == 32);
  }
  SECTION("a shrinking output may begin behind its input") {
    const Graph graph =
        build.build({build.conv(x, 2, Window::square(2, 2, Activation::None, PaddingMode::Valid))});
    // 4 bytes per row of output, 64 of input used up: the first row has no room, so 4 is needed.
    CHECK(overlap(graph, rows_run(0, 1)).distance == 4);
  }
}

TEST_CASE("what cannot be one run", "[run_shape]") {
  GraphBuilder build("mixed", 1);
  const TensorId x = build.input({1, 6, 6, 4});
  const TensorId y = build.conv(x, 4, Window::square(3));
  const TensorId z = build.transpose(y, {0, 2, 1, 3});
  const RowGraph graph =
      row_graph(build.build({build.add(build.conv(z, 4, Window::square(1)), x)}));
  CHECK(can_run(graph, rows_run(0, 1)));
  CHECK_FALSE(can_run(graph, rows_run(0, 2)));  // TRANSPOSE needs all rows
  CHECK_FALSE(can_run(graph, rows_run(1, 2)));
  CHECK(can_run(graph, whole_run(1)));
  CHECK(can_run(graph, rows_run(2, 4)));
  RunSpec input = rows_run(0, 1);
  input.input_rows = true;
  CHECK_FALSE(can_run(graph, input));  // ADD reads the image later
  RunSpec two = whole_run(0);
  two.end = 2;
  CHECK_FALSE(can_run(graph, two));
}

TEST_CASE("a constant with rows of its own keeps an operator whole", "[run_shape]") {
  GraphBuilder build("constants", 1);
  const TensorId x = build.input({1, 6, 2, 4});
  const RowGraph graph = row_graph(build.build(
      {build.add(x, build.constant({1, 6, 2, 4})), build.add(x, build.constant({1, 1, 2, 4})),
       build.add(x, build.constant({6, 1, 4})), build.add(x, build.constant({4}))}));
  CHECK_FALSE(graph.ops[0].by_rows);
  CHECK(graph.ops[1].by_rows);
  CHECK_FALSE(graph.ops[2].by_rows);
  CHECK(graph.ops[3].by_rows);
}

TEST_CASE("simulating again, and with a limit", "[run_shape]") {
  GraphBuilder build("limit", 1);
  TensorId x = build.input({1, 16, 8, 4});
  for (int i = 0; i < 4; ++i)
    x = build.depthwise(build.conv(x, 8, Window::square(1)), 1, Window::square(5));
  const RowGraph graph = row_graph(build.build({x}));
  RunSimulator simulator(graph);
  const RunShape first = simulator.simulate(rows_run(0, 8));
  CHECK(simulator.simulate(rows_run(0, 8), first.bytes).bytes == first.bytes);
  CHECK(simulator.simulate(rows_run(0, 8), first.bytes / 4).bytes > first.bytes / 4);
  const RunShape again = simulator.simulate(rows_run(0, 8));
  CHECK(again.bytes == first.bytes);
  CHECK(again.order == first.order);
  for (int end = 1; end <= 8; ++end)
    CHECK(simulator.least_bytes(0, end, false) <= simulator.simulate(rows_run(0, end)).bytes);
}
