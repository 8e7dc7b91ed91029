// The graph passes that save memory: the order of operators, and what is computed twice.
#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "compiler/passes/passes.h"
#include "compiler/passes/recompute.h"
#include "compiler/passes/reorder.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/reader.h"
#include "tests/golden/golden_data.h"
#include "tests/support/builder.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Window;

namespace {

// ---- the peak of an order, said another way than the pass says it

int64_t peak_in_order(const Graph& graph, const std::vector<int>& order) {
  const int end = static_cast<int>(order.size()) + 1;
  std::map<TensorId, int> last;  // when a tensor is read last
  for (int t = 1; t < end; ++t) {
    for (const TensorId id :
         graph.ops[static_cast<size_t>(order[static_cast<size_t>(t - 1)])].inputs)
      last[id] = t;
  }
  for (const TensorId id : graph.outputs) last[id] = end;
  struct Life {
    int64_t bytes;
    int first, last;
  };
  std::vector<Life> lives;
  std::map<TensorId, size_t> home;
  const auto create = [&](TensorId id, int time) {
    home[id] = lives.size();
    lives.push_back(
        {static_cast<int64_t>(graph.tensor(id).byte_size()), time, std::max(time, last[id])});
  };
  for (const TensorId id : graph.inputs) create(id, 0);
  for (int t = 1; t < end; ++t) {
    const Op& op = graph.ops[static_cast<size_t>(order[static_cast<size_t>(t - 1)])];
    TensorId target = -1;
    for (const TensorId id : op.inputs) {
      if (graph.tensor(id).is_constant()) continue;
      const Tensor& out = graph.output(op);
      const bool shares = op.kind == OpKind::Reshape;
      const bool replaces = (operator_info(op.kind).elementwise || op.kind == OpKind::Softmax) &&
                            graph.tensor(id).byte_size() == out.byte_size() &&
                            graph.tensor(id).elements() == out.elements() &&
                            lives[home[id]].last == t;
      if (shares || replaces) target = id;
    }
    for (const TensorId id : op.outputs) {
      if (target < 0) {
        create(id, t);
        continue;
      }
      home[id] = home[target];
      lives[home[id]].last = std::max(lives[home[id]].last, last[id]);
    }
  }
  int64_t peak = 0;
  for (int t = 0; t <= end; ++t) {
    int64_t bytes = 0;
    for (const Life& life : lives) bytes += life.first <= t && t <= life.last ? life.bytes : 0;
    peak = std::max(peak, bytes);
  }
  return peak;
}

std::vector<int> identity(const Graph& graph) {
  std::vector<int> order(graph.ops.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

int64_t given_peak(const Graph& graph) { return peak_in_order(graph, identity(graph)); }

int64_t exchanged_pairs(const std::vector<int>& order) {
  int64_t pairs = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t j = i + 1; j < order.size(); ++j) pairs += order[i] > order[j] ? 1 : 0;
  }
  return pairs;
}

// Where the operators of `after` stood in `before`.
std::vector<int> order_of(const Graph& before, const Graph& after) {
  const std::vector<int> producer = producers(before);
  std::vector<int> order;
  for (const Op& op : after.ops) order.push_back(producer[static_cast<size_t>(op.outputs[0])]);
  return order;
}

struct Best {
  int64_t peak = std::numeric_limits<int64_t>::max();
  int64_t exchanged = 0;
};

// All topological orders.
void try_orders(const Graph& graph, const std::vector<int>& producer, std::vector<int>& order,
                std::vector<bool>& done, Best& best) {
  if (order.size() == graph.ops.size()) {
    const int64_t peak = peak_in_order(graph, order);
    const int64_t exchanged = exchanged_pairs(order);
    if (peak < best.peak || (peak == best.peak && exchanged < best.exchanged))
      best = {peak, exchanged};
    return;
  }
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const std::vector<TensorId>& inputs = graph.ops[i].inputs;
    const bool ready = std::all_of(inputs.begin(), inputs.end(), [&](TensorId id) {
      const int source = producer[static_cast<size_t>(id)];
      return source < 0 || done[static_cast<size_t>(source)];
    });
    if (done[i] || !ready) continue;
    done[i] = true;
    order.push_back(static_cast<int>(i));
    try_orders(graph, producer, order, done, best);
    order.pop_back();
    done[i] = false;
  }
}

Best brute_force(const Graph& graph) {
  std::vector<int> order;
  std::vector<bool> done(graph.ops.size(), false);
  Best best;
  try_orders(graph, producers(graph), order, done, best);
  return best;
}

// ---- graphs

// Operators on 2×2 images, each reading tensors made before it at random. Sinks are outputs.
Graph random_dag(uint64_t seed, size_t steps) {
  GraphBuilder build("dag", seed);
  SplitMix64 random(seed * 7919 + 1);
  std::vector<TensorId> made{build.input({1, 2, 2, 4})};
  if (random.chance(0.3)) made.push_back(build.input({1, 2, 2, 8}));
  const auto any = [&] {
    // Mostly recent ones, or everything would hang on the input.
    const size_t window = random.chance(0.7) ? std::min<size_t>(made.size(), 4) : made.size();
    return made[made.size() - 1 - random.below(window)];
  };
  std::set<TensorId> read;
  while (build.graph().ops.size() < steps) {
    const TensorId x = any();
    const Shape shape = build.shape(x);
    TensorId y = -1;
    switch (random.below(6)) {
      case 0:
        if (shape.size() == 4) y = build.unary(OpKind::Relu, x);
        break;
      case 1: {
        const TensorId other = any();
        if (build.shape(other) != shape) break;
        y = build.add(x, other);
        read.insert(other);
        break;
      }
      case 2:
        if (shape.size() == 4) y = build.reshape(x, {shape[0], 4, shape[3]});
        break;
      default:
        if (shape.size() == 4)
          y = build.conv(x, static_cast<int32_t>(random.between(1, 12)), Window::square(1));
        break;
    }
    if (y < 0) continue;
    read.insert(x);
    made.push_back(y);
  }
  std::vector<TensorId> outputs;
  for (const TensorId id : made) {
    const bool is_input = id == made[0] || (made.size() > 1 && id == build.graph().inputs.back());
    if (!is_input && (read.count(id) == 0 || random.chance(0.1))) outputs.push_back(id);
  }
  return build.build(outputs);
}

// `branches` times a wide convolution and a narrow one, all wide ones first, then a concatenation.
TensorId inception(GraphBuilder& build, TensorId x, const std::vector<int32_t>& wide,
                   int32_t narrow) {
  std::vector<TensorId> branches;
  for (const int32_t channels : wide)
    branches.push_back(build.conv(x, channels, Window::square(1)));
  for (TensorId& branch : branches) branch = build.conv(branch, narrow, Window::square(3));
  return build.concat(branches, 3);
}

void check_reordered(const Graph& before, const Reordered& after) {
  REQUIRE_NOTHROW(validate(after.graph));
  REQUIRE(after.graph.ops.size() == before.ops.size());
  CHECK(after.peak == given_peak(after.graph));
  CHECK(after.peak <= given_peak(before));
}

std::vector<std::vector<uint8_t>> outputs(const Graph& graph, uint32_t seed) {
  return reference::Interpreter(graph).run(mcunet::testing::golden_inputs(graph, seed));
}

void check_same_meaning(const Graph& before, const Graph& after) {
  INFO("before: " << mcunet::testing::describe(before)
                  << "after: " << mcunet::testing::describe(after));
  REQUIRE_NOTHROW(validate(after));
  for (const uint32_t seed : {1U, 2U}) CHECK(outputs(before, seed) == outputs(after, seed));
}

// mcunetv2_large's: two means, two convolutions on 1×1, a hard sigmoid of three operators.
TensorId gate_of(GraphBuilder& build, TensorId t) {
  TensorId g = build.mean(t, {2}, true);
  g = build.mean(g, {1}, true);
  g = build.conv(g, 4, Window::square(1, 1, Activation::Relu));
  g = build.conv(g, build.shape(t)[3], Window::square(1));
  g = build.add(g, build.constant({1}), Activation::Relu6);
  return build.mul(g, build.constant({1}));
}

struct Block {
  int32_t channels = 8, expanded = 24, stride = 1;
  bool residual = true;
};

TensorId squeeze_and_excite(GraphBuilder& build, TensorId x, const Block& block) {
  TensorId t = build.conv(x, block.expanded, Window::square(1, 1, Activation::Relu6));
  t = build.depthwise(t, 1, Window::square(3, block.stride, Activation::Relu6));
  const TensorId y = build.mul(t, gate_of(build, t));
  const TensorId z = build.conv(y, block.channels, Window::square(1));
  return block.residual ? build.add(z, x) : z;
}

size_t producer_of(const Graph& graph, TensorId id) {
  return static_cast<size_t>(producers(graph)[static_cast<size_t>(id)]);
}

}  // namespace

// ---- reorder_for_memory

TEST_CASE("reorder_for_memory finds the least peak of random graphs", "[passes][reorder]") {
  int improved = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const Graph graph = random_dag(seed, 3 + seed % 7);
    const Best best = brute_force(graph);
    const Reordered found = reorder_for_memory(graph);
    INFO("seed " << seed << "\n" << mcunet::testing::describe(graph));
    check_reordered(graph, found);
    REQUIRE(found.peak == best.peak);
    REQUIRE(found.optimal);
    REQUIRE(exchanged_pairs(order_of(graph, found.graph)) == best.exchanged);
    if (found.peak < given_peak(graph)) ++improved;
  }
  CHECK(improved > 40);  // or the graphs show nothing
}

TEST_CASE("The beam search is valid, never worse and mostly right", "[passes][reorder]") {
  int right = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Graph graph = random_dag(seed, 9);
    const Reordered exact = reorder_for_memory(graph);
    const Reordered beam = reorder_for_memory(graph, {0, 16});
    INFO("seed " << seed);
    check_reordered(graph, beam);
    CHECK(beam.peak >= exact.peak);
    if (beam.optimal) CHECK(beam.peak == exact.peak);
    right += beam.peak == exact.peak ? 1 : 0;
  }
  CHECK(right >= 95);
}

TEST_CASE("reorder_for_memory keeps the meaning of every kind of operator", "[passes][reorder]") {
  int moved = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Graph graph = mcunet::testing::random_graph(seed);
    INFO("seed " << seed << "\n" << mcunet::testing::describe(graph));
    const Reordered found = reorder_for_memory(graph);
    check_reordered(graph, found);
    if (order_of(graph, found.graph) == identity(graph)) continue;
    ++moved;
    check_same_meaning(graph, found.graph);
  }
  CHECK(moved > 10);
}

TEST_CASE("Branches run one after the other when their middles are large", "[passes][reorder]") {
  GraphBuilder build("inception", 1);
  const TensorId x = build.input({1, 4, 4, 2});  // 32 bytes
  SECTION("two branches of the same size") {
    const Graph graph = build.build({inception(build, x, {20, 20}, 2)});
    const Reordered found = reorder_for_memory(graph);
    CHECK(given_peak(graph) == 32 + 320 + 320);  // the second wide one is made
    CHECK(found.peak == 32 + 320 + 32);          // x or the first result, wide, narrow
    CHECK(found.optimal);
    CHECK(order_of(graph, found.graph) == std::vector<int>{0, 2, 1, 3, 4});
    check_same_meaning(graph, found.graph);
  }
  SECTION("the widest goes first, while nothing is kept beside it") {
    const Graph graph = build.build({inception(build, x, {20, 10, 30}, 2)});
    const Reordered found = reorder_for_memory(graph);
    CHECK(found.peak == 32 + 480 + 32);
    CHECK(found.optimal);
  }
  SECTION("modules in a row are independent") {
    TensorId y = x;
    for (int i = 0; i < 12; ++i) y = inception(build, y, {20, 24, 16, 28}, 2);
    const Graph graph = build.build({y});
    const Reordered found = reorder_for_memory(graph);
    check_reordered(graph, found);
    CHECK(found.peak < given_peak(graph));
    CHECK(found.optimal);
  }
}

TEST_CASE("An order that is already best stays", "[passes][reorder]") {
  GraphBuilder build("kept", 1);
  TensorId x = build.input({1, 4, 4, 2});
  SECTION("a chain with residuals") {
    for (int i = 0; i < 20; ++i) {
      TensorId y = build.conv(x, 12, Window::square(1));
      y = build.depthwise(y, 1, Window::square(3));
      x = build.add(build.conv(y, 2, Window::square(1)), x);
    }
  }
  SECTION("branches that are free to go in any order") {
    for (int i = 0; i < 3; ++i) {
      const TensorId a = build.conv(build.conv(x, 8, Window::square(1)), 2, Window::square(1));
      const TensorId b = build.conv(build.conv(x, 8, Window::square(1)), 2, Window::square(1));
      x = build.add(a, b);
    }
  }
  SECTION("a bad part that does not matter, beside a part without a choice that does") {
    const TensorId big = build.conv(x, 200, Window::square(1));
    x = inception(build, build.conv(big, 2, Window::square(1)), {20, 20}, 2);
  }
  const Graph graph = build.build({x});
  const Reordered found = reorder_for_memory(graph);
  check_reordered(graph, found);
  CHECK(found.optimal);
  CHECK(order_of(graph, found.graph) == identity(graph));
}

TEST_CASE("Only what sets the peak is reordered, as little as possible", "[passes][reorder]") {
  GraphBuilder build("two", 1);
  TensorId x = build.input({1, 4, 4, 2});
  x = inception(build, x, {8, 8}, 2);    // cheap either way
  x = inception(build, x, {20, 20}, 2);  // sets the peak
  const Graph graph = build.build({x});
  const Reordered found = reorder_for_memory(graph);
  CHECK(order_of(graph, found.graph) == std::vector<int>{0, 1, 2, 3, 4, 5, 7, 6, 8, 9});
}

TEST_CASE("Large graphs with many branches end in time, the same every time", "[passes][reorder]") {
  SECTION("many wide branches") {
    GraphBuilder build("wide", 1);
    const TensorId x = build.input({1, 4, 4, 2});
    std::vector<int32_t> wide;
    for (int32_t i = 0; i < 24; ++i) wide.push_back(10 + i * 7 % 24);
    const Graph graph = build.build({inception(build, x, wide, 1)});
    const Reordered found = reorder_for_memory(graph);
    check_reordered(graph, found);
    CHECK(found.optimal);
    CHECK(order_of(graph, found.graph) == order_of(graph, reorder_for_memory(graph).graph));
  }
  SECTION("random ones, beyond the exact search") {
    int unproved = 0;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      const Graph graph = random_dag(seed, 80);
      const Reordered found = reorder_for_memory(graph, {300, 16});
      INFO("seed " << seed);
      check_reordered(graph, found);
      unproved += found.optimal ? 0 : 1;
      CHECK(order_of(graph, found.graph) ==
            order_of(graph, reorder_for_memory(graph, {300, 16}).graph));
    }
    CHECK(unproved > 0);
  }
}

// ---- gate_blocks, recompute_gate

TEST_CASE("recompute_gate computes the gated tensor twice", "[passes][recompute]") {
  GraphBuilder build("se", 3);
  TensorId x = build.conv(build.input({1, 12, 10, 3}), 8, Window::square(3));
  x = squeeze_and_excite(build, x, {});
  x = squeeze_and_excite(build, x, {12, 20, 2, false});
  x = squeeze_and_excite(build, x, {12, 16, 1, true});
  const Graph graph = build.build({x});
  const std::vector<GateBlock> blocks = gate_blocks(graph);
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].cloned == std::vector<size_t>{1, 2});
  CHECK(blocks[0].mul == 9);
  CHECK(blocks[0].bytes == 12 * 10 * 24);
  CHECK(blocks[0].source_bytes == 12 * 10 * 8);
  CHECK(blocks[0].extra_macs == 12 * 10 * 24 * (8 + 9));
  CHECK(blocks[1].bytes == 6 * 5 * 20);

  for (size_t i = 0; i < blocks.size(); ++i) {
    const GateBlock& block = blocks[i];
    const Graph after = recompute_gate(graph, i);
    check_same_meaning(graph, after);
    CHECK(after.ops.size() == graph.ops.size() + block.cloned.size());
    CHECK(total_macs(after) == total_macs(graph) + block.extra_macs);
    CHECK(total_parameters(after) == total_parameters(graph));
    const size_t mul = block.mul + block.cloned.size();
    CHECK(after.ops[mul].kind == OpKind::Mul);
    CHECK(producer_of(after, after.ops[mul].inputs[0]) == mul - 1);  // clones stand before it
    const auto readers = consumers(after);
    for (const int reader : readers[static_cast<size_t>(block.tensor)])
      CHECK(after.ops[static_cast<size_t>(reader)].kind == OpKind::Mean);
    CHECK(after.output(after.ops[mul - 1]).name == graph.tensor(block.tensor).name + "/again");
    CHECK(gate_blocks(after).size() == 2);  // done blocks are no candidates
  }

  Graph all = graph;
  for (size_t i = blocks.size(); i-- > 0;) all = recompute_gate(std::move(all), i);
  check_same_meaning(graph, all);
  CHECK(gate_blocks(all).empty());
  CHECK_THROWS_AS(recompute_gate(all, 0), Error);
}

TEST_CASE("gate_blocks knows the forms that exporters write", "[passes][recompute]") {
  GraphBuilder build("forms", 5);
  const TensorId input = build.input({1, 8, 8, 4});
  TensorId t = -1, g = -1, y = -1;
  size_t clones = 2;
  SECTION("the gate comes first, from one mean, RESHAPE and fully connected layers") {
    t = build.depthwise(build.conv(input, 12, Window::square(1)), 1, Window::square(3));
    g = build.fully_connected(build.mean(t, {1, 2}), 4, Activation::Relu);
    g = build.reshape(build.unary(OpKind::Logistic, build.fully_connected(g, 12)), {1, 1, 1, 12});
    y = build.mul(g, t);
  }
  SECTION("average pooling and a hard swish in the gate, which reads itself twice") {
    t = build.depthwise(build.conv(input, 12, Window::square(1)), 1, Window::square(3));
    g = build.average_pool(t, Window::square(8, 1, Activation::None, PaddingMode::Valid));
    g = build.mul(g, build.add(g, build.constant({1}), Activation::Relu6));
    y = build.mul(t, g);
  }
  SECTION("activations are operators of their own") {
    t = build.unary(OpKind::HardSwish, build.conv(input, 12, Window::square(1)));
    t = build.unary(OpKind::HardSwish, build.depthwise(t, 1, Window::square(3)));
    y = build.mul(t, gate_of(build, t));
    clones = 4;
  }
  SECTION("activations that branch and join, and a PAD") {
    t = build.pad(build.conv(input, 12, Window::square(1)), {0, 1, 1, 0}, {0, 1, 1, 0});
    t = build.depthwise(t, 1, Window::square(3, 1, Activation::None, PaddingMode::Valid));
    t = build.mul(t, build.unary(OpKind::Logistic, t));
    y = build.mul(t, gate_of(build, t));
    clones = 5;
  }
  SECTION("not across a third convolution, nor the activation behind it") {
    t = build.unary(OpKind::HardSwish, build.conv(input, 4, Window::square(3)));
    t = build.depthwise(build.conv(t, 12, Window::square(1)), 1, Window::square(3));
    y = build.mul(t, gate_of(build, t));
  }
  SECTION("not across a tensor that is read elsewhere") {
    const TensorId expanded = build.conv(input, 12, Window::square(1));
    t = build.depthwise(expanded, 1, Window::square(3));
    y = build.add(build.mul(t, gate_of(build, t)), expanded);
    clones = 1;
  }
  const Graph graph = build.build({build.conv(y, 4, Window::square(1))});
  const std::vector<GateBlock> blocks = gate_blocks(graph);
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].cloned.size() == clones);
  CHECK(blocks[0].tensor == t);
  check_same_meaning(graph, recompute_gate(graph, 0));
}

TEST_CASE("gate_blocks leaves what gains nothing", "[passes][recompute]") {
  GraphBuilder build("no", 7);
  const TensorId input = build.input({1, 8, 8, 4});
  SECTION("the tensor is an output") {
    const TensorId t = build.conv(input, 12, Window::square(3));
    const TensorId y = build.mul(t, gate_of(build, t));
    CHECK(gate_blocks(build.build({t, y})).empty());
  }
  SECTION("the tensor is read elsewhere") {
    const TensorId t = build.conv(input, 12, Window::square(3));
    const TensorId y = build.add(build.mul(t, gate_of(build, t)), t);
    CHECK(gate_blocks(build.build({y})).empty());
  }
  SECTION("the tensor is the input") {
    CHECK(gate_blocks(build.build({build.mul(input, gate_of(build, input))})).empty());
  }
  SECTION("the gate has the tensor's size") {
    const TensorId t = build.conv(input, 12, Window::square(3));
    CHECK(gate_blocks(build.build({build.mul(t, build.unary(OpKind::Logistic, t))})).empty());
  }
  SECTION("the gate is made from something else") {
    const TensorId t = build.conv(input, 12, Window::square(3));
    const TensorId g = build.conv(build.mean(input, {1, 2}, true), 12, Window::square(1));
    CHECK(gate_blocks(build.build({build.mul(t, g)})).empty());
  }
  SECTION("a branch that does not join on the way") {
    const TensorId a = build.conv(input, 12, Window::square(3));
    const TensorId t = build.add(a, build.conv(input, 12, Window::square(1)));
    CHECK(gate_blocks(build.build({build.mul(t, gate_of(build, t))})).empty());
  }
}

TEST_CASE("mcunetv2_large: all its squeeze-and-excite blocks", "[passes][recompute]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("squeeze-and-excite of mcunetv2_large");
  const Graph graph = read_tflite(
      golden::read_bytes(*shared / "models" / "te_mcunetv2_large.tflite"), "te_mcunetv2_large");
  const std::vector<GateBlock> raw = gate_blocks(graph);
  const Graph prepared = prepare(graph, {});
  const std::vector<GateBlock> blocks = gate_blocks(prepared);
  REQUIRE(raw.size() == 13);
  REQUIRE(blocks.size() == 13);
  CHECK(raw[3].cloned.size() == 3);  // with its PAD
  for (const GateBlock& block : blocks) CHECK(block.cloned.size() == 2);
  const auto percent = [&](const std::vector<size_t>& which) {
    int64_t extra = 0;
    for (const size_t i : which) extra += blocks[i].extra_macs;
    return 100.0 * static_cast<double>(extra) / static_cast<double>(total_macs(prepared));
  };
  CHECK(percent({0, 1}) == Approx(11).margin(0.5));
  CHECK(percent({0, 1, 2}) == Approx(13).margin(0.5));

  Graph after = prepared;
  for (const size_t i : {2U, 1U, 0U}) after = recompute_gate(std::move(after), i);
  REQUIRE_NOTHROW(validate(after));
  CHECK(gate_blocks(after).size() == 10);
  CHECK(outputs(prepared, 1) == outputs(after, 1));
  // One way through the graph, so the order is the best there is.
  const Reordered reordered = reorder_for_memory(prepared);
  CHECK(reordered.optimal);
  CHECK(order_of(prepared, reordered.graph) == identity(prepared));
}
