// Every schedule of every random graph computes the same: layer by layer, streamed, whatever fits a
// random arena, with the image coming row by row, and partitions that no search would choose, rows
// made in either direction. The generated C equals the interpreter byte for byte, on the host and
// on emulated cores. MCUNET_PROPERTY_GRAPHS changes how many graphs there are,
// MCUNET_PROPERTY_SEED runs one, MCUNET_NIGHTLY=1 runs ten times as many.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <set>

#include "compiler/plan.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "tests/support/compiled_batch.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_partition.h"
#include "tests/support/shadow_arena.h"
#include "tests/support/trials.h"

using namespace mcunet;
using compiler::CompiledModel;
using compiler::Plan;
using compiler::PlanOptions;
using compiler::ScheduleKind;
using mcunet::testing::compile_for_test;
using mcunet::testing::find_violation;
using mcunet::testing::Trial;

namespace {

constexpr size_t kGraphs = 100;     // on the host
constexpr size_t kEmulated = 30;    // on each of the emulated cores
constexpr size_t kSanitized = 30;   // under sanitizers
constexpr size_t kShadowed = 1000;  // without a compiler
constexpr size_t kTight = 40;       // with shortened rings
constexpr size_t kBatch = 5;        // graphs at a time
constexpr size_t kShortenedBatch = 25;

std::vector<uint64_t> seeds(size_t count) {
  if (const char* one = std::getenv("MCUNET_PROPERTY_SEED")) return {std::stoull(one)};
  if (const char* wanted = std::getenv("MCUNET_PROPERTY_GRAPHS"))
    count = std::min<size_t>(count, std::stoull(wanted));
  if (std::getenv("MCUNET_NIGHTLY") != nullptr) count *= 10;
  std::vector<uint64_t> all;
  for (uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

Graph graph_of(uint64_t seed) {
  return seed % 4 == 0 ? mcunet::testing::random_graph(seed)
                       : mcunet::testing::random_row_graph(seed);
}

using MakePlan = std::function<Plan(const Graph&)>;

struct Variant {
  std::string name;
  bool input_rows = false;
  MakePlan plan;
};

// Thrown where a variant does not exist for a graph.
struct NoPlan {};

// Ways to plan a graph. `draws` random partitions each of images that are there and that come.
std::vector<Variant> variants(uint64_t seed, size_t draws) {
  const auto options = [](ScheduleKind kind, bool rows) {
    PlanOptions result;
    result.kind = kind;
    result.input_rows = rows;
    return result;
  };
  const auto chosen = [](const PlanOptions& o) {
    return [o](const Graph& graph) { return compiler::plan(graph, o); };
  };
  std::vector<Variant> all = {
      {"layer", false, chosen(options(ScheduleKind::Layer, false))},
      {"stream", false, chosen(options(ScheduleKind::Stream, false))},
      {"rows", true, chosen(options(ScheduleKind::Stream, true))},
      {"recompute", false,
       [=](const Graph& graph) {
         PlanOptions o = options(ScheduleKind::Stream, false);
         o.allow_recompute = 60;
         Plan plan = compiler::plan(graph, o);
         if (plan.recomputed_macs == 0) throw NoPlan();
         return plan;
       }},
      {"patch", false, chosen(options(ScheduleKind::Patch, false))},
      {"grid", false,
       [=](const Graph& graph) {
         SplitMix64 random(seed);
         PlanOptions o = options(ScheduleKind::Patch, false);
         o.patch.ops = static_cast<int>(random.between(1, 5));
         o.patch.rows = static_cast<int32_t>(random.between(1, 5));
         o.patch.columns = static_cast<int32_t>(random.between(1, 4));
         return compiler::plan(graph, o);
       }},
      // Between what streaming needs and what layer by layer does.
      {"auto", seed % 3 == 0, [=](const Graph& graph) {
         const int64_t low =
             compiler::plan(graph, options(ScheduleKind::Stream, seed % 3 == 0)).memory.arena;
         const int64_t high =
             std::max(low, compiler::plan(graph, options(ScheduleKind::Layer, false)).memory.arena);
         PlanOptions o = options(ScheduleKind::Auto, seed % 3 == 0);
         o.arena_limit = SplitMix64(seed).between(low, high);
         Plan plan = compiler::plan(graph, o);
         CHECK(plan.memory.arena <= o.arena_limit);
         return plan;
       }}};
  for (const bool rows : {false, true}) {
    for (size_t i = 0; i < draws; ++i) {
      const std::string name = (rows ? "pushed" : "random") + std::to_string(i);
      all.push_back({name, rows, [=](const Graph& graph) {
                       SplitMix64 random(seed * 1000 + i);
                       auto plan = mcunet::testing::random_plan(graph, random, rows);
                       if (!plan) throw NoPlan();
                       return std::move(*plan);
                     }});
    }
  }
  return all;
}

// Nothing where the network's beginning cannot work by rows or patches.
std::optional<CompiledModel> compiled(const Graph& graph, uint64_t seed, const Variant& variant) {
  try {
    return compile_for_test(graph, "s" + std::to_string(seed) + "_" + variant.name, variant.plan,
                            variant.input_rows);
  } catch (const NoPlan&) {
  } catch (const Error& error) {
    const bool patches = variant.name == "patch" || variant.name == "grid";
    const bool rows = variant.input_rows && error.kind() == ErrorKind::Unsupported;
    if (!rows && !(patches && error.kind() == ErrorKind::Usage)) throw;
  }
  return std::nullopt;
}

std::vector<Trial> make_trials(uint64_t seed, size_t draws) {
  std::vector<Trial> trials;
  const Graph graph = graph_of(seed);
  for (const Variant& variant : variants(seed, draws)) {
    try {
      if (auto model = compiled(graph, seed, variant))
        trials.push_back(mcunet::testing::make_trial(seed, variant.name, graph, std::move(*model)));
    } catch (const std::exception& error) {
      FAIL_CHECK("seed " << seed << " " << variant.name << ": " << error.what() << "\n"
                         << mcunet::testing::describe(graph));
    }
  }
  return trials;
}

std::vector<Trial> make_trials(const std::vector<uint64_t>& all, size_t begin, size_t count,
                               size_t draws) {
  std::vector<Trial> trials;
  for (size_t i = begin; i < std::min(all.size(), begin + count); ++i) {
    for (Trial& trial : make_trials(all[i], draws)) trials.push_back(std::move(trial));
  }
  return trials;
}

void check(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) FAIL_CHECK(problem);
}

bool has_patches(const compiler::Schedule& schedule) {
  return std::any_of(schedule.runs.begin(), schedule.runs.end(), [](const compiler::Run& run) {
    return run.kind == compiler::RunKind::Patches;
  });
}

// Rings of more than one row, as buffers.
std::vector<compiler::BufferId> rings(const compiler::Schedule& schedule) {
  std::vector<compiler::BufferId> found;
  for (const compiler::Placement& place : schedule.placements) {
    if (place.ring > 1) found.push_back(place.buffer);
  }
  return found;
}

Plan with_shorter_ring(Plan plan, compiler::BufferId ring) {
  for (compiler::Placement& place : plan.schedule.placements) {
    if (place.buffer != ring) continue;
    --place.ring;
    plan.schedule.buffers[static_cast<size_t>(ring)].bytes = place.ring * place.pitch;
  }
  return plan;
}

}  // namespace

TEST_CASE("every schedule of random graphs: every row is there when it is read",
          "[property][schedules]") {
  size_t plans = 0, streamed = 0, bottom_up = 0, all_rings = 0, tight = 0;
  for (const uint64_t seed : seeds(kShadowed)) {
    const Graph graph = graph_of(seed);
    const auto examine = [&](const Plan& plan, const std::string& name) {
      ++plans;
      INFO("seed " << seed << " " << name << "\n" << mcunet::testing::describe(plan.graph));
      CHECK(find_conflict(buffer_requests(plan.schedule), plan.schedule.overlaps, plan.memory) ==
            "");
      CHECK(plan.lower_bound <= plan.memory.arena);
      if (has_patches(plan.schedule)) return;  // tiles are not rows
      CHECK(find_violation(plan) == "");
      for (const compiler::Run& run : plan.schedule.runs) {
        streamed += run.end_op - run.first_op > 1 ? 1 : 0;
        bottom_up += run.bottom_up ? 1 : 0;
      }
      for (const compiler::BufferId ring : rings(plan.schedule)) {
        ++all_rings;
        tight += find_violation(with_shorter_ring(plan, ring)).empty() ? 0 : 1;
      }
    };
    for (const Variant& variant : variants(seed, 3)) {
      try {
        compiled(graph, seed, {variant.name, variant.input_rows, [&](const Graph& prepared) {
                                 Plan plan = variant.plan(prepared);
                                 examine(plan, variant.name);
                                 return plan;
                               }});
      } catch (const std::exception& error) {
        FAIL_CHECK("seed " << seed << " " << variant.name << ": " << error.what() << "\n"
                           << mcunet::testing::describe(graph));
      }
    }
  }
  std::cout << "schedules: " << plans << " plans sound, " << streamed << " streamed runs, "
            << bottom_up << " from the bottom up; " << tight << " of " << all_rings
            << " rings could not be a row shorter\n";
  if (all_rings > 100) CHECK(tight * 100 >= all_rings * 95);
}

TEST_CASE("every schedule of random graphs: compiled C equals the interpreter on the host",
          "[property][schedules]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const std::vector<uint64_t> all = seeds(kGraphs);
  mcunet::testing::HostRunner host;
  size_t models = 0;
  for (size_t begin = 0; begin < all.size(); begin += kBatch) {
    const std::vector<Trial> trials = make_trials(all, begin, kBatch, 2);
    models += trials.size();
    check(host.run(trials));
  }
  SUCCEED();
  std::cout << "schedules: " << models << " compiled models of " << all.size()
            << " random graphs on the host\n";
}

TEST_CASE("every schedule of random graphs: compiled C is clean under sanitizers",
          "[property][schedules]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::vector<Trial> trials = make_trials(seeds(kSanitized), 0, kSanitized, 1);
  REQUIRE_FALSE(trials.empty());
  CHECK(mcunet::testing::run_sanitized(trials, scratch.path() / "sanitized") == "");
}

TEST_CASE("every schedule of random graphs: compiled C equals the interpreter on emulated cores",
          "[property][schedules]") {
  if (!compiler::cross_compiler_available() || !Emulator::available()) {
    std::cout << "skipped: needs arm-none-eabi-gcc, make and mcunet-emu\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::vector<Trial> trials = make_trials(seeds(kEmulated), 0, kEmulated, 1);
  REQUIRE_FALSE(trials.empty());
  for (const std::string core : {"cortex-m7", "cortex-m4"}) {
    CAPTURE(core);
    check(mcunet::testing::run_on_core(trials, core, scratch.path() / core));
  }
  std::cout << "schedules: " << trials.size() << " compiled models on two emulated cores\n";
}

// The simulation is not wasteful: the C itself goes wrong when a ring is a row shorter. Not every
// time: the row that is lost may hold the same bytes, or be clipped to them later.
TEST_CASE("every schedule of random graphs: rings that are a row shorter give other outputs",
          "[property][schedules]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  mcunet::testing::HostRunner host;
  const std::vector<uint64_t> all = seeds(kTight);
  std::vector<Trial> trials;
  std::set<std::string> noticed;
  size_t shortened = 0;
  const auto run = [&] {
    for (const std::string& problem : host.run(trials))
      noticed.insert(problem.substr(0, problem.find(':')));
    trials.clear();
  };
  for (const uint64_t seed : all) {
    const Graph graph = graph_of(seed);
    const std::vector<Variant> all_variants = variants(seed, 1);
    const Variant& random = *std::find_if(all_variants.begin(), all_variants.end(),
                                          [](const Variant& v) { return v.name == "random0"; });
    const CompiledModel sound = compile_for_test(graph, "sound", random.plan);
    const std::vector<compiler::BufferId> found = rings(sound.schedule);
    for (size_t i = 0; i < found.size(); ++i, ++shortened) {
      const std::string name = "t" + std::to_string(seed) + "_" + std::to_string(i);
      trials.push_back(
          mcunet::testing::make_trial(seed, "ring " + std::to_string(i) + " a row shorter", graph,
                                      compile_for_test(graph, name, [&](const Graph& prepared) {
                                        return with_shorter_ring(random.plan(prepared), found[i]);
                                      })));
    }
    if (trials.size() >= kShortenedBatch) run();
  }
  run();
  std::cout << "schedules: " << noticed.size() << " of " << shortened
            << " models with a ring a row shorter give other outputs\n";
  if (all.size() > 1) {
    CHECK(shortened > 0);
    CHECK(noticed.size() * 10 >= shortened * 7);
  }
}
