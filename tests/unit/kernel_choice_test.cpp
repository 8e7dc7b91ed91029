// Which kernels a network gets (--optimize), and the estimates that decide it.
#include "compiler/kernel_choice.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "compiler/compile.h"
#include "compiler/cost/cycles.h"
#include "compiler/fit.h"
#include "libmcunet/reference/interpreter.h"
#include "profiler/execution.h"
#include "tests/support/builder.h"
#include "tests/support/inputs.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

// Wide 3x3 layers that are most of the work, and a 7x7 layer of four pixels.
Graph lopsided() {
  GraphBuilder b("lopsided", 11);
  TensorId x = b.input({1, 64, 64, 16});
  x = b.depthwise(x, 1, Window::square(3));
  x = b.conv(x, 24, Window::square(1));
  x = b.depthwise(x, 1, Window::square(3));
  x = b.conv(x, 16, Window::square(3, 32));
  x = b.depthwise(x, 1, Window::square(7));
  return b.build({x});
}

CompiledModel compiled(Objective objective, int64_t flash = int64_t{1} << 20) {
  CompileOptions options;
  options.name = "lopsided";
  options.board = find_board("stm32f746");
  options.board.flash_bytes = flash;
  options.objective = objective;
  return compile(lopsided(), "", options);
}

std::set<std::string> kernels(const CompiledModel& model) {
  std::set<std::string> names;
  for (const KernelCall& call : model.schedule.calls) names.insert(call.kernel);
  return names;
}

}  // namespace

TEST_CASE("objectives trade cycles for flash", "[kernel_choice]") {
  const CompiledModel fast = compiled(Objective::Latency), balanced = compiled(Objective::Balanced),
                      small = compiled(Objective::Flash), narrow = compiled(Objective::Sram);
  CHECK(kernels(fast).count("depthwise_7x7") == 1);
  CHECK(kernels(fast).count("depthwise_3x3") == 1);
  // A kernel of its own for four pixels is not worth its code; one for the wide layers is.
  CHECK(kernels(balanced).count("depthwise_7x7") == 0);
  CHECK(kernels(balanced).count("depthwise_3x3") == 1);
  CHECK(kernels(small).count("depthwise_3x3") == 0);
  CHECK(small.flash.total() < balanced.flash.total());
  CHECK(balanced.flash.total() < fast.flash.total());
  CHECK(estimated_cycles(fast) <= estimated_cycles(balanced));
  CHECK(estimated_cycles(balanced) < estimated_cycles(small));
  CHECK(narrow.sram.arena < fast.sram.arena);
  CHECK(narrow.sram.arena == narrow.sram.lower_bound);
}

TEST_CASE("the fastest network that fits the flash is chosen", "[kernel_choice]") {
  const int64_t fast = compiled(Objective::Latency).flash.total();
  const int64_t small = compiled(Objective::Flash).flash.total();
  const CompiledModel fitted = compiled(Objective::Latency, fast - 1);
  CHECK(fitted.flash.total() < fast);
  CHECK(fitted.flash.total() >= small);
  CHECK(estimated_cycles(fitted) < estimated_cycles(compiled(Objective::Flash)));
  // Nothing fits: slow kernels would not help.
  CHECK(compiled(Objective::Latency, 1024).flash.total() == fast);
}

TEST_CASE("all objectives give the interpreter's bytes", "[kernel_choice][host]") {
  for (const Objective objective :
       {Objective::Latency, Objective::Balanced, Objective::Flash, Objective::Sram}) {
    const CompiledModel model = compiled(objective);
    const reference::Interpreter interpreter(model.reference);
    const Buffers inputs = testing::golden_inputs(model.reference, 5);
    CHECK(HostProgram(model).run({inputs}).front() == interpreter.run(inputs));
  }
}

TEST_CASE("every kernel that a schedule can name has cycles", "[kernel_choice]") {
  for (const std::string core : {"cortex-m7", "cortex-m4", "cortex-m33", "host"}) {
    for (const auto& [kernel, cost] : kernel_costs(core).kernels) {
      KernelWork work;
      work.kernel = kernel;
      INFO(core << " " << kernel);
      CHECK(kernel_cycles(work, core) > 0);
    }
  }
}
