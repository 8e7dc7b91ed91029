// Plans: the arenas that real networks are to need, the search for partitions against trying them
// all, and what plan() promises about limits.
#include "compiler/plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <limits>
#include <optional>

#include "compiler/passes/passes.h"
#include "compiler/passes/reorder.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "tests/golden/golden_data.h"
#include "tests/support/builder.h"
#include "tests/support/inputs.h"
#include "tests/support/networks.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_partition.h"
#include "tests/support/shadow_arena.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::find_violation;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

// A row of STREAMING.md: bytes of arena, the int8 input included.
struct Target {
  const char* file;  // in models/
  const char* row;
  int64_t resident, pushed;
  double recompute = 0;  // per cent of MACs
};
const std::vector<Target> kTargets = {
    {"mcunet-320kb-1mb_imagenet.tflite", "mcunet-320kb-1mb_imagenet", 100'864, 62'976},
    {"mcunet-320kb-1mb_imagenet.json", "the same from its description", 100'864, 62'976},
    {"te_vww.tflite", "te_vww", 23'040, 18'432},
    {"te_detection.tflite", "te_detection", 77'824, 34'304},
    {"te_mcunetv2_large.tflite", "te_mcunetv2_large", 241'152, 241'152},
    {"te_mcunetv2_large.tflite", "te_mcunetv2_large+rc01", 194'560, 133'120, 12},
    {"mlperf_vww_96_int8.tflite", "mlperf_vww_96_int8", 28'672, 15'872},
    {"mlperf_resnet_int8.tflite", "mlperf_resnet_int8", 18'432, 17'920},
    {"mlperf_kws_int8.tflite", "mlperf_kws_int8", 7'168, 6'656},
    {"tflm_person_detect.tflite", "tflm_person_detect", 15'872, 15'872},
    {"tflm_mbv2_224_pytorch.tflite", "tflm_mbv2_224_pytorch", 231'936, 134'656},
    {"mcunet-10fps_imagenet.json", "mcunet-in0", 18'432, 15'360},
    {"mcunet-5fps_imagenet.json", "mcunet-in1", 32'256, 20'480},
    {"mcunet-256kb-1mb_imagenet.json", "mcunet-in2", 83'968, 59'904},
    {"mcunet-512kb-2mb_imagenet.json", "mcunet-in4", 120'320, 85'504},
    {"mbv2-w0.35-r144_imagenet.json", "mbv2-w0.35-r144", 68'608, 31'232},
    {"proxyless-w0.3-r176_imagenet.json", "proxyless-w0.3-r176", 100'864, 54'784}};

Graph prepared(const Graph& graph, bool rows) {
  PassOptions options;
  const Graph source = move_conversions_out(graph);
  options.nhwc_input = rows && has_planar_input(strip_edges(source, EdgeType::Int8));
  return prepare(source, options);
}

void check_sound(const Plan& plan) {
  CHECK(find_conflict(buffer_requests(plan.schedule), plan.schedule.overlaps, plan.memory) == "");
  CHECK(find_violation(plan) == "");
  CHECK(plan.lower_bound <= plan.memory.arena);
}

// Every way to split the operators into runs that can be, each in its better direction, with what
// it needs and what it costs.
struct Tried {
  int64_t bytes = 0;
  int64_t turns = 0;  // kernel calls of the runs with several operators
};

class BruteForce {
 public:
  BruteForce(const RowGraph& graph, bool input_rows)
      : graph_(graph), input_rows_(input_rows), simulator_(graph) {
    extend(0, {});
  }
  const std::vector<Tried>& tried() const { return tried_; }

 private:
  void extend(int first, const Tried& so_far) {
    const int ops = static_cast<int>(graph_.ops.size());
    if (first == ops) return tried_.push_back(so_far);
    int64_t turns = 0;
    for (int end = first + 1; end <= ops; ++end) {
      const RowOp& last = graph_.ops[static_cast<size_t>(end) - 1];
      turns += int64_t{last.steps} * last.calls;
      RunSpec run;
      run.first = first;
      run.end = end;
      run.input_rows = input_rows_ && first == 0;
      run.kind = run.ops() == 1 && !run.input_rows ? RunKind::Whole : RunKind::Rows;
      if (!can_run(graph_, run)) continue;
      int64_t bytes = simulator_.simulate(run).bytes;
      if (run.kind == RunKind::Rows && !run.input_rows) {
        run.bottom_up = true;
        bytes = std::min(bytes, simulator_.simulate(run).bytes);
      }
      Tried next = so_far;
      next.bytes = std::max(next.bytes, bytes);
      if (run.ops() > 1) next.turns += turns;
      extend(end, next);
    }
  }

  const RowGraph& graph_;
  bool input_rows_;
  RunSimulator simulator_;
  std::vector<Tried> tried_;
};

int64_t turns_of(const RowGraph& graph, const Partition& partition) {
  int64_t turns = 0;
  for (const RunSpec& run : partition.runs) {
    for (int op = run.first; op < run.end && run.ops() > 1; ++op) {
      const RowOp& row = graph.ops[static_cast<size_t>(op)];
      turns += int64_t{row.steps} * row.calls;
    }
  }
  return turns;
}

void compare_with_brute_force(const Graph& graph, bool input_rows) {
  const RowGraph rows = row_graph(graph);
  const std::vector<Tried> tried = BruteForce(rows, input_rows).tried();
  PartitionSearch search(rows, {input_rows, true});
  REQUIRE(search.possible() == !tried.empty());
  if (tried.empty()) return;
  const auto least = std::min_element(
      tried.begin(), tried.end(), [](const Tried& a, const Tried& b) { return a.bytes < b.bytes; });
  CHECK(search.least_bytes() == least->bytes);
  CHECK_FALSE(search.cheapest(least->bytes - 1).has_value());
  std::vector<int64_t> limits;
  for (const Tried& partition : tried) limits.push_back(partition.bytes);
  std::sort(limits.begin(), limits.end());
  limits.erase(std::unique(limits.begin(), limits.end()), limits.end());
  for (const int64_t limit : limits) {
    std::pair<int64_t, int64_t> best{kNone, kNone};  // turns, bytes
    for (const Tried& partition : tried) {
      if (partition.bytes <= limit)
        best = std::min(best, std::make_pair(partition.turns, partition.bytes));
    }
    const auto found = search.cheapest(limit);
    REQUIRE(found);
    CAPTURE(limit);
    CHECK(turns_of(rows, *found) == best.first);
    CHECK(found->bytes == best.second);
    CHECK((found->overhead == 0) == (best.first == 0));
  }
}

}  // namespace

TEST_CASE("streamed networks stay within the arenas of STREAMING.md", "[plan]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("arenas of the networks");
  for (const Target& target : kTargets) {
    const Graph graph = mcunet::testing::read_network(*shared, target.file);
    for (const bool rows : {false, true}) {
      CAPTURE(target.row, rows);
      PlanOptions options;
      options.kind = ScheduleKind::Stream;
      options.input_rows = rows;
      options.allow_recompute = target.recompute;
      const Graph given = prepared(graph, rows);
      const Plan plan = compiler::plan(given, options);
      const int64_t limit = rows ? target.pushed : target.resident;
      CHECK(plan.memory.arena <= limit);
      CHECK(plan.recomputed_macs * 100 <=
            static_cast<int64_t>(target.recompute * static_cast<double>(total_macs(given))));
      check_sound(plan);
      std::cout << "arena " << std::setw(7) << plan.memory.arena << " of " << std::setw(7) << limit
                << (plan.memory.arena == plan.lower_bound ? ", the bound: " : ", above the bound: ")
                << target.row << (rows ? ", rows pushed" : "") << "\n";
    }
  }
}

TEST_CASE("real networks: every row is there when it is read, whatever the partition", "[plan]") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("partitions of the networks");
  const int draws = std::getenv("MCUNET_NIGHTLY") != nullptr ? 200 : 6;
  int plans = 0;
  for (const Target& target : kTargets) {
    const Graph graph = mcunet::testing::read_network(*shared, target.file);
    CAPTURE(target.row);
    const Graph whole = prepared(graph, false), pushed = prepared(graph, true);
    PlanOptions options;
    options.kind = ScheduleKind::Layer;
    const Plan layer = compiler::plan(whole, options);
    check_sound(layer);
    options.kind = ScheduleKind::Auto;
    options.arena_limit = layer.memory.arena / 2;
    check_sound(compiler::plan(whole, options));
    plans += 2;
    for (int draw = 0; draw < draws; ++draw) {
      CAPTURE(draw);
      SplitMix64 random(static_cast<uint64_t>(draw));
      const bool rows = draw % 2 == 1;
      const auto plan = mcunet::testing::random_plan(rows ? pushed : whole, random, rows);
      if (!plan) continue;
      check_sound(*plan);
      ++plans;
    }
  }
  std::cout << "real networks: " << plans << " plans sound\n";
}

TEST_CASE("the search finds what trying all partitions finds", "[plan]") {
  int compared = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const Graph graph = mcunet::testing::random_row_graph(seed);
    for (const bool rows : {false, true}) {
      const Graph given = prepared(graph, rows);
      if (given.ops.size() > 12) continue;
      INFO("seed " << seed << (rows ? " rows pushed" : "") << "\n"
                   << mcunet::testing::describe(given));
      compare_with_brute_force(given, rows);
      ++compared;
    }
  }
  CHECK(compared > 200);
}

TEST_CASE("no placement needs less than its runs", "[plan]") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Graph given = prepared(mcunet::testing::random_row_graph(seed), false);
    const RowGraph rows = row_graph(given);
    SplitMix64 random(seed);
    const auto partition = mcunet::testing::random_partition(rows, random);
    REQUIRE(partition);
    const Plan plan = plan_partition(given, rows, *partition);
    INFO("seed " << seed << "\n" << mcunet::testing::describe(given));
    CHECK(partition->bytes <= plan.memory.arena);
    CHECK(plan.memory.lower_bound <= plan.memory.arena);
  }
}

TEST_CASE("auto takes the fewest cycles that fit, and the least arena where nothing fits",
          "[plan]") {
  GraphBuilder build("chain", 1);
  TensorId x = build.input({1, 24, 8, 4});
  for (int i = 0; i < 4; ++i)
    x = build.depthwise(build.conv(x, i % 2 == 0 ? 24 : 6, Window::square(1)), 1,
                        Window::square(3));
  const Graph graph = prepared(build.build({x}), false);
  PlanOptions options;
  options.kind = ScheduleKind::Layer;
  const Plan layer = plan(graph, options);
  options.kind = ScheduleKind::Stream;
  const Plan stream = plan(graph, options);
  CHECK(stream.memory.arena < layer.memory.arena);
  CHECK(stream.overhead > 0);
  CHECK(layer.overhead == 0);
  CHECK(layer.schedule.kind == "layer");
  CHECK(stream.schedule.kind == "stream");

  options.kind = ScheduleKind::Auto;
  SECTION("no limit: layer by layer") {
    const Plan best = plan(graph, options);
    CHECK(best.overhead == 0);
    CHECK(best.memory.arena <= layer.memory.arena);
  }
  SECTION("every limit in between is kept, and a lower one never costs less") {
    int64_t overhead = 0;
    for (int64_t limit = layer.memory.arena; limit >= stream.memory.arena;
         limit -= std::max<int64_t>(1, (layer.memory.arena - stream.memory.arena) / 40)) {
      options.arena_limit = limit;
      const Plan best = plan(graph, options);
      CHECK(best.memory.arena <= limit);
      CHECK(best.overhead >= overhead);
      CHECK(best.overhead <= stream.overhead);
      overhead = best.overhead;
    }
  }
  SECTION("nothing fits") {
    options.arena_limit = stream.lower_bound - 1;
    CHECK(plan(graph, options).memory.arena == stream.memory.arena);
  }
}

TEST_CASE("row input is refused where the network's beginning needs the image whole", "[plan]") {
  GraphBuilder build("whole", 1);
  const TensorId x = build.input({1, 8, 8, 4});
  PlanOptions options;
  options.kind = ScheduleKind::Stream;
  options.input_rows = true;
  const auto refused = [&](const Graph& graph) {
    try {
      plan(prepared(graph, false), options);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::Unsupported;
    }
    return false;
  };
  SECTION("read by an operator that does not work by rows") {
    CHECK(refused(build.build({build.fully_connected(x, 3)})));
  }
  SECTION("read after such an operator") {
    const TensorId y = build.conv(x, 4, Window::square(3));
    const TensorId z = build.transpose(build.transpose(y, {0, 2, 1, 3}), {0, 2, 1, 3});
    CHECK(refused(build.build({build.add(z, x)})));
  }
  SECTION("an output as well") {
    CHECK(refused(build.build({build.conv(x, 4, Window::square(3)), x})));
  }
  SECTION("a batch") {
    const TensorId two = build.input({2, 8, 8, 4});
    const Graph graph = build.build({build.conv(two, 3, Window::square(3))});
    CHECK(refused(graph));
  }
}
