// The C of runs: schedules made by hand, so that every kind of run is there whatever the scheduler
// likes. They run on the host, and on the emulated core where its tools are.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/codegen/context.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/step_order.h"
#include "compiler/targets/toolchain.h"
#include "compiler/test_input.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/reference/elementwise.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/support/random.h"
#include "profiler/verify.h"
#include "tests/support/builder.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

// A chain of TANH, RELU and MAX_POOL_2D: operators whose kernel calls are easily written by hand.
Graph chain(int32_t height, const std::vector<OpKind>& kinds) {
  GraphBuilder build("chain", 7);
  TensorId x = build.input({1, height, 10, 3});
  int32_t pools = 0;
  for (const OpKind kind : kinds) {
    x = kind == OpKind::MaxPool2D ? build.max_pool(x, Window::square(3, pools++ % 2 + 1))
                                  : build.unary(kind, x, false);
  }
  return build.build({x});
}

// What one run of rows is to be like.
struct RowsSpec {
  size_t first = 0, end = 0;
  bool bottom_up = false, input_rows = false;
};

// Tensor i is the input of operator i; the tensors of a chain are numbered along it.
class HandMade {
 public:
  explicit HandMade(const Graph& graph) {
    model_.name = "chain";
    model_.sha256 = std::string(64, '0');
    model_.options.name = "chain";
    model_.options.board = find_board("stm32f746");
    model_.source = model_.reference = model_.graph = graph;
    schedule().kind = "stream";
    schedule().placements.resize(graph.tensors.size());
    for (size_t i = 0; i <= graph.ops.size(); ++i) place(i, 0);
  }

  CompiledModel take() {
    for (size_t i = 0; i < schedule().buffers.size(); ++i) {
      model_.plan.offsets.push_back(model_.sram.arena);
      model_.sram.arena += (schedule().buffers[i].bytes + 3) / 4 * 4;
    }
    model_.sram.statics = context_bytes(schedule());
    model_.sram.stack = 512;
    return model_;
  }

  void whole(size_t op) {
    Run run;
    begin(run, op, op + 1);
    call(op, false);
    end(run);
  }

  void rows(const RowsSpec& spec) {
    Run run;
    run.kind = RunKind::Rows;
    run.bottom_up = spec.bottom_up;
    begin(run, spec.first, spec.end);
    // Rings of three rows between the operators, the least that a window of three needs.
    for (size_t i = spec.input_rows ? spec.first : spec.first + 1; i < spec.end; ++i) place(i, 3);
    schedule().input_rows = spec.input_rows;
    for (size_t op = spec.first; op < spec.end; ++op) {
      run.rows.push_back(height(op + 1));
      call(op, true);
    }
    std::vector<int32_t> made(spec.end - spec.first, 0);
    int32_t input = 0;
    while (made.back() < run.rows.back()) make(run, spec, spec.end - 1, made, input);
    for (; spec.input_rows && input < height(spec.first); ++input) run.order.push_back(kInputRow);
    end(run);
  }

  // One row of patches after the other; columns are halves of a row, which only TANH and RELU can
  // be split into.
  void patches(size_t first, size_t last, std::vector<std::vector<RowRange>> rows) {
    Run run;
    run.kind = RunKind::Patches;
    run.patch_columns = 2;
    run.patch_rows = std::move(rows);
    begin(run, first, last);
    for (size_t op = first; op < last; ++op) {
      for (int32_t column = 0; column < 2; ++column) call(op, true, column);
    }
    end(run);
  }

 private:
  Schedule& schedule() { return model_.schedule; }
  TensorId tensor(size_t i) const {
    return i == 0 ? model_.graph.inputs[0] : model_.graph.ops[i - 1].outputs[0];
  }
  int32_t height(size_t i) const { return model_.graph.tensor(tensor(i)).shape[1]; }
  int32_t pitch(size_t i) const {
    const Shape& shape = model_.graph.tensor(tensor(i)).shape;
    return shape[2] * shape[3];
  }

  void place(size_t i, int32_t ring) {
    Placement& place = schedule().placements[static_cast<size_t>(tensor(i))];
    if (place.buffer < 0) {
      place.buffer = static_cast<BufferId>(schedule().buffers.size());
      schedule().buffers.push_back({"t" + std::to_string(i), 0, 0, 0, false});
    }
    place.ring = ring;
    place.pitch = ring == 0 ? 0 : pitch(i);
    schedule().buffers[static_cast<size_t>(place.buffer)].bytes =
        int64_t{ring == 0 ? height(i) : ring} * pitch(i);
  }

  // The next row of an operator, after those it needs of the operators before it.
  void make(Run& run, const RowsSpec& spec, size_t op, std::vector<int32_t>& made, int32_t& input) {
    const size_t i = op - spec.first;
    const int32_t step = made[i];
    const int32_t y = run.bottom_up ? run.rows[i] - 1 - step : step;
    int32_t low = y, high = y + 1;
    if (const auto* pool = std::get_if<PoolAttrs>(&model_.graph.ops[op].attrs)) {
      low = y * pool->stride_h - pool->padding.top;
      high = low + 3;
    }
    low = std::max(low, 0);
    high = std::min(high, height(op));
    const int32_t needed = run.bottom_up ? height(op) - low : high;
    if (op > spec.first) {
      while (made[i - 1] < needed) make(run, spec, op - 1, made, input);
    } else if (spec.input_rows) {
      for (; input < needed; ++input) run.order.push_back(kInputRow);
    }
    run.order.push_back(static_cast<uint8_t>(i));
    ++made[i];
  }

  ArenaArgument address(size_t i, bool row, int64_t offset = 0) {
    const Placement& place = schedule().placements[static_cast<size_t>(tensor(i))];
    ArenaArgument argument;
    argument.ref = {place.buffer, offset};
    if (row) argument.pitch = pitch(i);
    if (row) argument.ring = place.ring;
    return argument;
  }

  void call(size_t op, bool row, int32_t column = 0) {
    KernelCall call;
    call.op = op;
    call.column = column;
    call.rows = height(op + 1);
    if (const auto* pool = std::get_if<PoolAttrs>(&model_.graph.ops[op].attrs)) {
      const Shape& x = model_.graph.tensor(tensor(op)).shape;
      const Shape& y = model_.graph.tensor(tensor(op + 1)).shape;
      const Placement& place = schedule().placements[static_cast<size_t>(tensor(op))];
      call.kernel = "max_pool";
      call.arguments = {address(op, false), address(op + 1, row), ParamsArgument{},
                        RowArgument::Row, RowArgument::Count};
      call.params.fields = {{"in_h", int64_t{x[1]}},
                            {"in_w", int64_t{x[2]}},
                            {"channels", int64_t{x[3]}},
                            {"out_h", int64_t{y[1]}},
                            {"out_w", int64_t{y[2]}},
                            {"in_rows", int64_t{place.ring == 0 ? x[1] : place.ring}},
                            {"in_row_stride", int64_t{pitch(op)}},
                            {"filter_h", int64_t{3}},
                            {"filter_w", int64_t{3}},
                            {"stride_h", int64_t{pool->stride_h}},
                            {"stride_w", int64_t{pool->stride_w}},
                            {"pad_top", int64_t{pool->padding.top}},
                            {"pad_left", int64_t{pool->padding.left}},
                            {"act_min", int64_t{-128}},
                            {"act_max", int64_t{127}}};
    } else {
      const auto table = reference::unary_table(model_.graph, model_.graph.ops[op]);
      const auto constant = static_cast<ConstantId>(schedule().constants.size());
      if (column == 0) {
        schedule().constants.push_back({"op" + std::to_string(op) + "_table",
                                        CType::Int8,
                                        ConstantRole::Table,
                                        {table.begin(), table.end()}});
      }
      const int64_t part = patched_ ? pitch(op) / 2 : pitch(op);
      call.kernel = "lut";
      call.arguments = {address(op, row, column * part), address(op + 1, row, column * part),
                        ConstantRef{column == 0 ? constant : constant - 1, 0},
                        row ? part : part * height(op)};
    }
    schedule().calls.push_back(std::move(call));
  }

  void begin(Run& run, size_t first, size_t end) {
    run.first_op = first;
    run.end_op = end;
    run.first_call = schedule().calls.size();
    patched_ = run.kind == RunKind::Patches;
  }
  void end(Run& run) {
    run.end_call = schedule().calls.size();
    schedule().runs.push_back(std::move(run));
  }

  CompiledModel model_;
  bool patched_ = false;
};

bool can_build() {
  if (host_compiler_available()) return true;
  std::cout << "skipped: the C of runs needs cc\n";
  return false;
}

void check_on_host(const CompiledModel& model) {
  VerifyOptions options;
  options.firmware = false;
  const Verification verification = verify(model, options);
  REQUIRE(verification.host);
  CAPTURE(verification.host->first);
  CHECK(verification.host->inputs == 4);
  CHECK(verification.host->mismatches == 0);
}

// As strict as we promise, for the host and for the target: which also checks the sizes that the C
// asserts.
void check_warnings(const CompiledModel& model) {
  const TemporaryDirectory directory;
  OutputDirectory out(directory.path() / "c");
  for (const SourceFile& file : emit_sources(model, {true, ""})) out.add(file.path, file.text);
  out.commit();
  for (const char* compiler : {"gcc", "clang", "arm-none-eabi-gcc"}) {
    if (!find_program(compiler)) continue;
    for (const char* define : {"-DNOTHING", "-DCHAIN_PROFILE"}) {
      for (const char* file : {"chain.c", "chain_selftest.c"}) {
        ProcessOptions options;
        options.directory = (directory.path() / "c").string();
        const ProcessResult result = run_process(
            {compiler, "-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion",
             "-Wshadow", "-Werror", define, "-c", file, "-o", "/dev/null"},
            options);
        CAPTURE(compiler, file, define, result.errors);
        CHECK(result.ok());
      }
    }
  }
}

std::vector<uint8_t> unfolded(const StepOrder& order) {
  std::vector<uint8_t> steps;
  size_t repeats = order.times - 1;
  for (size_t i = 0; i < order.steps.size(); ++i) {
    steps.push_back(order.steps[i]);
    if (i == order.last && repeats != 0) {
      i = order.first - 1;  // wraps, and back
      --repeats;
    }
  }
  return steps;
}

const std::vector<OpKind> kMixed = {OpKind::Tanh, OpKind::MaxPool2D, OpKind::Relu,
                                    OpKind::MaxPool2D, OpKind::Tanh};

}  // namespace

TEST_CASE("folded orders unfold to what they were", "[codegen]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  CAPTURE(seed);
  SplitMix64 random(seed);
  const auto pick = [&](uint64_t limit) { return static_cast<size_t>(random.next() % limit); };
  std::vector<uint8_t> order, period;
  for (size_t i = pick(20); i > 0; --i) order.push_back(static_cast<uint8_t>(pick(3)));
  for (size_t i = 1 + pick(30); i > 0; --i) period.push_back(static_cast<uint8_t>(pick(4)));
  const size_t times = 1 + pick(12);
  for (size_t i = 0; i < times; ++i) order.insert(order.end(), period.begin(), period.end());
  for (size_t i = pick(20); i > 0; --i) order.push_back(static_cast<uint8_t>(pick(3)));
  const StepOrder folded = fold_order(order);
  CHECK(unfolded(folded) == order);
  if ((times - 1) * period.size() > 16)
    CHECK(folded.steps.size() <= order.size() - (times - 1) * period.size());
  CHECK(fold_order({}).steps.empty());
  CHECK_FALSE(fold_order({1, 1, 1, 1}).repeats());  // the code would take more
}

TEST_CASE("runs of rows give the interpreter's bytes", "[codegen]") {
  if (!can_build()) return;
  const bool bottom_up = GENERATE(false, true);
  const int32_t height = GENERATE(11, 40, 41);
  CAPTURE(bottom_up, height);
  HandMade build(chain(height, kMixed));
  SECTION("one run") { build.rows({0, 5, bottom_up}); }
  SECTION("several, of one operator and of more") {
    build.whole(0);
    build.rows({1, 4, bottom_up});
    build.rows({4, 5, bottom_up});
  }
  const CompiledModel model = build.take();
  check_on_host(model);
  check_warnings(model);
}

TEST_CASE("an image may come row by row", "[codegen]") {
  if (!can_build()) return;
  const int32_t height = GENERATE(3, 40, 41);
  const size_t end = GENERATE(2, 5);
  CAPTURE(height, end);
  HandMade build(chain(height, kMixed));
  build.rows({0, end, false, true});
  for (size_t op = end; op < 5; ++op) build.whole(op);
  const CompiledModel model = build.take();
  CHECK(input_row_count(model.schedule) == static_cast<size_t>(height));
  check_on_host(model);
  check_warnings(model);
}

TEST_CASE("the first operator may read the rows that come through a window", "[codegen]") {
  if (!can_build()) return;
  HandMade build(chain(64, {OpKind::MaxPool2D, OpKind::Tanh, OpKind::MaxPool2D}));
  build.rows({0, 3, false, true});
  const CompiledModel model = build.take();
  CHECK(emitted_order(model.schedule, model.schedule.runs[0]).repeats());
  check_on_host(model);
}

TEST_CASE("rows are counted in words where they are many", "[codegen]") {
  if (!can_build()) return;
  const bool input_rows = GENERATE(false, true);
  HandMade build(chain(70000, {OpKind::Tanh, OpKind::Relu}));
  build.rows({0, 2, !input_rows, input_rows});
  const CompiledModel model = build.take();
  check_on_host(model);
  check_warnings(model);
}

TEST_CASE("patches give the interpreter's bytes", "[codegen]") {
  if (!can_build()) return;
  HandMade build(chain(9, {OpKind::Tanh, OpKind::Relu, OpKind::MaxPool2D}));
  build.patches(0, 2, {{{0, 4}, {0, 3}}, {{2, 7}, {3, 6}}, {{6, 9}, {6, 9}}});
  build.whole(2);
  const CompiledModel model = build.take();
  check_on_host(model);
  check_warnings(model);
}

TEST_CASE("the manifest tells the runs", "[codegen]") {
  HandMade build(chain(11, kMixed));
  build.rows({0, 4, false, true});
  build.whole(4);
  const auto document = nlohmann::json::parse(emit_manifest(build.take(), {}).text);
  CHECK(document.at("input_rows") == true);
  REQUIRE(document.at("runs").size() == 2);
  CHECK(document["runs"][0]["kind"] == "rows");
  CHECK(document["runs"][0]["layers"] == 4);
  CHECK(document["runs"][0]["rings"].size() == 4);
  CHECK(document["runs"][1]["kind"] == "whole");
}

TEST_CASE("a program that leaves its arena is found out", "[codegen]") {
  if (!can_build()) return;
  HandMade build(chain(11, kMixed));
  build.rows({0, 5});
  CompiledModel model = build.take();
  const std::vector<Buffers> inputs(1, Buffers{std::vector<uint8_t>(11 * 10 * 3)});
  SECTION("at its end") {
    model.sram.arena -= 4;
    CHECK_THROWS_AS(HostProgram(model).run(inputs, HostProgram::Guard::End), Error);
  }
  SECTION("at its beginning") {
    for (int64_t& offset : model.plan.offsets) offset -= 4;
    CHECK_THROWS_AS(HostProgram(model).run(inputs, HostProgram::Guard::Begin), Error);
  }
}

TEST_CASE("runs on the emulated core, layer by layer", "[codegen]") {
  if (!cross_compiler_available() || !Emulator::available()) {
    std::cout << "skipped: runs on the emulated core need arm-none-eabi-gcc, make, mcunet-emu\n";
    return;
  }
  const bool input_rows = GENERATE(false, true);
  CAPTURE(input_rows);
  HandMade build(chain(41, kMixed));
  build.rows({0, 4, false, input_rows});
  build.whole(4);
  const CompiledModel model = build.take();
  FirmwareProgram firmware(model);
  const reference::Interpreter interpreter(model.reference);
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    const Buffers inputs = stream_inputs(model, seed);
    CHECK(firmware.run(inputs) == interpreter.run(inputs));
  }
  CHECK(firmware.sizes().writable == 0);
  int64_t layers = 0;
  for (const CallCount& layer : firmware.counts_per_layer()) {
    CHECK(layer.instructions > 0);
    layers += layer.instructions;
  }
  const auto total = static_cast<int64_t>(firmware.measurement().instructions);
  const auto steps = static_cast<int64_t>(executed_calls(model.schedule).size());
  CHECK(layers < total);
  CHECK(total - layers <= 40 * steps);
}
