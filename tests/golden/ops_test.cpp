// Every operator model of the golden data, byte for byte.
#include <catch2/catch.hpp>
#include <set>

#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/reader.h"
#include "tests/golden/golden_data.h"

using namespace mcunet;

namespace {

// The operators of the graph, and those that the reader turns into them.
std::set<std::string> supported_operators() {
  std::set<std::string> names = {"PADV2", "SLICE", "SPLIT_V", "SQUEEZE", "EXPAND_DIMS", "SHAPE"};
  for (const OperatorInfo& info : operator_table()) names.insert(info.name);
  return names;
}

// Empty when all cases match, else every difference.
std::string compare_cases(const golden::Model& model) {
  const reference::Interpreter interpreter(read_tflite(golden::read_bytes(model.file), model.name));
  const Graph& graph = interpreter.graph();
  std::string problems;
  for (const golden::Case& c : model.cases) {
    const auto outputs =
        interpreter.run(golden::split(golden::read_bytes(c.input), graph, graph.inputs));
    const std::string difference =
        golden::difference(golden::join(outputs), golden::read_bytes(c.output));
    if (!difference.empty()) problems += "case " + c.name + ": " + difference + "\n";
  }
  return problems;
}

}  // namespace

TEST_CASE("operator models match the reference kernels byte for byte") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("golden operators");
  const std::set<std::string> supported = supported_operators();
  size_t matched = 0, refused = 0;
  for (const golden::Model& model : golden::operator_models(*shared)) {
    CAPTURE(model.name);
    bool known = true;
    for (const std::string& name : model.operators) known = known && supported.count(name) != 0;
    if (known) {
      std::string problems;
      REQUIRE_NOTHROW(problems = compare_cases(model));
      CHECK(problems == "");
      matched += problems.empty();
    } else {
      try {
        read_tflite(golden::read_bytes(model.file), model.name);
        FAIL_CHECK("the reader accepted an operator that is not in the table");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::Unsupported);
        ++refused;
      }
    }
  }
  CHECK(matched > 0);
  std::cout << "golden operators: " << matched << " models match, " << refused
            << " refused as unsupported\n";
}
