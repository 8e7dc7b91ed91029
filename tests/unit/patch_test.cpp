// Patches: what they need, which are possible, and that they give the interpreter's bytes.
#include "compiler/schedule/patch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <optional>

#include "compiler/compile.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/passes/reorder.h"
#include "compiler/schedule/patch_search.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "tests/support/builder.h"
#include "tests/support/trials.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Trial;
using mcunet::testing::Window;

namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int32_t up_to(int32_t most) {  // 1 to most
    return 1 + static_cast<int32_t>(random_.next() % static_cast<uint64_t>(most));
  }
  bool one_in(int32_t n) { return up_to(n) == 1; }

 private:
  SplitMix64 random_;
};

// A network whose beginning can work patch by patch: windows of every kind, branches that meet
// again, operands that repeat.
class RandomHead {
 public:
  explicit RandomHead(uint64_t seed) : dice_(seed), build_("head", seed) {}

  Graph build() {
    TensorId x = build_.input({1, 5 + dice_.up_to(18), 5 + dice_.up_to(18), dice_.up_to(5)});
    const TensorId image = x;
    for (int32_t i = dice_.up_to(7); i > 0; --i) x = step(x);
    if (dice_.one_in(4)) x = build_.add(x, build_.conv(x, channels(x), window(x, false)));
    if (dice_.one_in(3)) return build_.build({x});
    const TensorId mean = build_.mean(x, {1, 2});
    if (dice_.one_in(4)) return build_.build({mean, build_.mean(image, {1, 2})});
    return build_.build({build_.fully_connected(mean, 4)});
  }

 private:
  int32_t channels(TensorId x) const { return build_.shape(x)[3]; }

  Window window(TensorId x, bool may_shrink) {
    const Shape& shape = build_.shape(x);
    Window window;
    window.kernel_h = 2 * dice_.up_to(3) - 1;
    window.kernel_w = 2 * dice_.up_to(3) - 1;
    if (dice_.one_in(6)) window.dilation_w = 2;
    if (dice_.one_in(6)) window.dilation_h = 2;
    if (!may_shrink) return window;
    if (shape[1] > 4 && dice_.one_in(3)) window.stride_h = 2;
    if (shape[2] > 4 && dice_.one_in(3)) window.stride_w = 2;
    if (shape[1] > 12 && shape[2] > 12 && dice_.one_in(4)) window.mode = PaddingMode::Valid;
    return window;
  }

  TensorId step(TensorId x) {
    switch (dice_.up_to(12)) {
      case 1:
      case 2:
        return build_.conv(x, dice_.up_to(9), window(x, true));
      case 3:
        return build_.conv(x, dice_.up_to(9), Window::square(1));
      case 4:
        return build_.depthwise(x, dice_.one_in(3) ? 2 : 1, window(x, true));
      case 5:
        return build_.depthwise(x, 1, window(x, true));
      case 6: {
        Window pool = window(x, true);
        pool.dilation_h = pool.dilation_w = 1;
        return dice_.one_in(2) ? build_.average_pool(x, pool) : build_.max_pool(x, pool);
      }
      case 7:  // operands whose tiles begin at different columns
        return build_.add(build_.conv(x, 6, window(x, false)),
                          build_.conv(x, 6, Window::square(1)));
      case 8:
        return build_.concat({x, build_.depthwise(x, 1, window(x, false)), x}, 3);
      case 9:
        return build_.mul(x, build_.constant({1, 1, 1, channels(x)}));
      case 10:
        return build_.mul(build_.unary(OpKind::Tanh, x), x);
      case 11: {
        const Shape& shape = build_.shape(x);
        if (shape[1] * shape[2] > 300) return build_.unary(OpKind::HardSwish, x);
        return build_.resize(x, shape[1] + dice_.up_to(shape[1]), shape[2] + dice_.up_to(6));
      }
      default:
        return build_.conv(x, 2 * channels(x), window(x, true), channels(x));
    }
  }

  Dice dice_;
  GraphBuilder build_;
};

CompileOptions options_for(const std::string& name) {
  CompileOptions options;
  options.name = name;
  options.board = find_board("stm32f746");
  return options;
}

// A grid that the graph allows; none in the rare case that there is none.
PatchGrid random_grid(const Graph& graph, uint64_t seed) {
  Dice dice(seed);
  const RowGraph rows = row_graph(graph);
  const PatchHead head = patch_head(graph, rows);
  for (int attempt = 0; attempt < 20 && !head.cuts.empty(); ++attempt) {
    PatchGrid grid;
    // The most operators that can, or fewer.
    const auto cuts = static_cast<int32_t>(head.cuts.size());
    grid.ops = head.cuts[static_cast<size_t>(dice.one_in(2) ? cuts - 1 : dice.up_to(cuts) - 1)];
    const PatchOp& last = head.ops[static_cast<size_t>(grid.ops) - 1];
    grid.rows = dice.up_to(std::min(last.height, 5));
    grid.columns = dice.up_to(std::min(last.width, 5));
    if (!patch_ranges(head, grid.ops, grid.rows, &PatchInput::rows).empty() &&
        !patch_ranges(head, grid.ops, grid.columns, &PatchInput::columns).empty())
      return grid;
  }
  return {};
}

// Nothing where no operator at the beginning can: reordering may have put a MEAN there.
std::optional<Trial> patch_trial(uint64_t seed) {
  const Graph graph = RandomHead(seed).build();
  std::string how;
  CompileOptions options = options_for("patch" + std::to_string(seed));
  if (seed % 5 == 0) options.passes.io = EdgeType::Float32;
  bool possible = true;
  CompiledModel model = compile_planned(graph, "", options, [&](const Graph& prepared) {
    PlanOptions wanted;
    wanted.kind = ScheduleKind::Patch;
    wanted.patch = random_grid(reorder_for_memory(prepared).graph, seed);
    how = grid_text(wanted.patch);
    possible = wanted.patch.ops > 0;
    if (!possible) wanted.kind = ScheduleKind::Layer;
    return plan(prepared, wanted);
  });
  if (!possible) return std::nullopt;
  return mcunet::testing::make_trial(seed, how, graph, std::move(model));
}

std::vector<Trial> patch_trials(uint64_t first, uint64_t end) {
  std::vector<Trial> trials;
  for (uint64_t seed = first; seed < end; ++seed) {
    try {
      if (auto trial = patch_trial(seed)) trials.push_back(std::move(*trial));
    } catch (const std::exception& error) {
      FAIL_CHECK("seed " << seed << ": " << error.what());
    }
  }
  // A test of single patches or of single operators would be none.
  const auto tells = std::count_if(trials.begin(), trials.end(), [](const Trial& trial) {
    const Run& run = trial.model.schedule.runs.front();
    return run.end_op > 1 && run.patch_columns > 1 && run.patch_rows.size() > 1;
  });
  CHECK(tells >= static_cast<std::ptrdiff_t>(end - first) / 4);
  return trials;
}

// conv 3x3, conv 3x3 over 8x8x4 pixels.
Graph two_convs() {
  GraphBuilder build("two", 1);
  TensorId x = build.input({1, 8, 8, 4});
  x = build.conv(x, 4, Window::square(3));
  return build.build({build.conv(x, 4, Window::square(3))});
}

std::string refusal(const Graph& graph, const std::string& grid) {
  PlanOptions options;
  options.kind = ScheduleKind::Patch;
  if (!grid.empty()) options.patch = parse_patch_grid(grid);
  try {
    plan(graph, options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Usage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a patch reads what its windows cover", "[patch]") {
  const Graph graph = two_convs();
  const PatchPart part = patch_part(graph, row_graph(graph), {2, 4, 4});
  CHECK(part.tiles[0].height == 4);
  CHECK(part.tiles[0].pitch == 4 * 4);
  const auto ranges = patch_ranges(patch_head(graph, row_graph(graph)), 2, 4, &PatchInput::rows);
  const std::vector<std::pair<int32_t, int32_t>> expected = {{0, 3}, {1, 5}, {3, 7}, {5, 8},
                                                             {0, 2}, {2, 4}, {4, 6}, {6, 8}};
  REQUIRE(ranges.size() == expected.size());
  for (size_t i = 0; i < ranges.size(); ++i)
    CHECK(std::make_pair(ranges[i].first, ranges[i].end) == expected[i]);
  // 3 + 4 + 4 + 3 rows and as many columns of the first convolution are made instead of 8.
  CHECK(recomputed_macs(graph, part) == (14 * 14 - 8 * 8) * 4 * 4 * 9);
  CHECK(patch_overhead(graph, part) > recomputed_macs(graph, part) / 2);
}

TEST_CASE("patches need one tile, the input and the output", "[patch]") {
  const Graph graph = two_convs();
  PlanOptions options;
  options.kind = ScheduleKind::Patch;
  options.patch = {2, 4, 4};
  const Plan patches = plan(graph, options);
  CHECK(patches.schedule.kind == "patch");
  CHECK(patches.lower_bound == patches.memory.arena);
  CHECK(patches.memory.arena == 256 + 256 + 4 * 4 * 4 + MCUNET_CONV_SCRATCH_BYTES(9 * 4));
}

TEST_CASE("the choice is the least arena, then the fewest MACs", "[patch]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 6, 7);
  CAPTURE(seed);
  const Graph graph = reorder_for_memory(RandomHead(seed).build()).graph;
  const RowGraph rows = row_graph(graph);
  const std::vector<PatchChoice> choices = patch_choices(graph, rows, {});
  PlanOptions options;
  options.kind = ScheduleKind::Patch;
  const Plan best = plan(graph, options);
  CHECK(best.lower_bound == choices.front().bytes);
  CHECK(best.memory.arena >= best.lower_bound);
  for (size_t i = 0; i < choices.size(); i += 1 + choices.size() / 40) {
    const PatchChoice& choice = choices[i];
    CAPTURE(grid_text(choice.grid));
    options.patch = choice.grid;
    const Plan given = plan(graph, options);
    CHECK(given.lower_bound == choice.bytes);
    CHECK(given.recomputed_macs == choice.macs);
    CHECK(given.memory.arena >= choice.bytes);
    CHECK(given.memory.arena >= best.memory.arena);
    if (given.memory.arena == best.memory.arena)
      CHECK(given.recomputed_macs >= best.recomputed_macs);
  }
}

TEST_CASE("patches that are impossible are refused, with what is possible", "[patch]") {
  using Catch::Matchers::Contains;
  GraphBuilder build("residual", 1);
  TensorId x = build.input({1, 8, 6, 4});
  x = build.conv(x, 4, Window::square(3));
  x = build.add(x, build.conv(x, 4, Window::square(3)));
  x = build.max_pool(x, Window::square(3, 2));
  const Graph graph = build.build({build.fully_connected(build.mean(x, {1, 2}), 3)});
  CHECK(refusal(graph, "2x2@4") == "");
  CHECK_THAT(refusal(graph, "2x2@2"), Contains("need more than the last one's output") &&
                                          Contains("possible are the first 1, 3, 4"));
  CHECK_THAT(refusal(graph, "2x2@5"), Contains("only the first 4 operators") && Contains("MEAN"));
  CHECK_THAT(refusal(graph, "2x2@7"), Contains("the network has 6 operators"));
  CHECK_THAT(refusal(graph, "5x1@4"), Contains("more patches than pixels") && Contains("4x3"));
  CHECK_THAT(refusal(graph, "9x9"), Contains("no output is that large"));

  GraphBuilder other("dense", 1);
  const Graph dense = other.build({other.fully_connected(other.input({1, 8}), 3)});
  CHECK_THAT(refusal(dense, ""), Contains("cannot be made patch by patch"));

  PlanOptions options;
  options.kind = ScheduleKind::Patch;
  options.input_rows = true;
  CHECK_THROWS_AS(plan(graph, options), Error);
}

TEST_CASE("grids as text", "[patch]") {
  const std::string text = GENERATE("4x4@12", "1x8", "@3", "16x2@100");
  CHECK(grid_text(parse_patch_grid(text)) == text);
  const std::string bad = GENERATE("", "4", "4x", "x4", "0x4", "4x0@1", "4x4@", "4x4@0", "4x4@2 ",
                                   "4X4", "-1x2", "12345x1", "@", "2x2x2");
  CHECK_THROWS_AS(parse_patch_grid(bad), Error);
}

TEST_CASE("patches of random networks give the interpreter's bytes", "[patch]") {
  if (!host_compiler_available()) {
    std::cout << "skipped: patches on the host need cc\n";
    return;
  }
  mcunet::testing::HostRunner host;
  for (uint64_t first = 1; first <= 61; first += 20) {
    const std::vector<Trial> trials = patch_trials(first, first + 20);
    for (const std::string& problem : host.run(trials)) FAIL_CHECK(problem);
    if (first > 1) continue;
    const TemporaryDirectory directory;
    CHECK(mcunet::testing::run_sanitized(trials, directory.path() / "sanitized") == "");
    if (!cross_compiler_available() || !Emulator::available()) {
      std::cout
          << "skipped: patches on the emulated core need arm-none-eabi-gcc, make, mcunet-emu\n";
      continue;
    }
    for (const std::string& problem :
         mcunet::testing::run_on_core(trials, "cortex-m7", directory.path() / "core"))
      FAIL_CHECK(problem);
  }
}
