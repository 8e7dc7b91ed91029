#include "compiler/cost/cycles.h"

#include <map>
#include <nlohmann/json.hpp>

#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

using Coefficients = std::map<std::string, double, std::less<>>;  // by the term's name
using CycleModel = std::map<std::string, Coefficients>;           // by kernel

CycleModel read_model(const std::string& core) {
  for (const EmbeddedFile& file : embedded::cycles()) {
    if (file.name != core + ".json") continue;
    CycleModel model;
    const nlohmann::json document = nlohmann::json::parse(file.text);
    for (const auto& [kernel, terms] : document.at("kernels").items()) {
      for (const auto& [term, value] : terms.at("cycles").items()) model[kernel][term] = value;
    }
    return model;
  }
  throw Error(ErrorKind::Internal, "configs/cycles/" + core + ".json is missing");
}

// The Cortex-M7 issues two instructions together where it can, the others one at a time.
const CycleModel& model_of(const std::string& core) {
  static const CycleModel m7 = read_model("cortex-m7"), m4 = read_model("cortex-m4");
  return core == "cortex-m7" || core == "host" ? m7 : m4;
}

}  // namespace

double kernel_cycles(const KernelWork& work, const std::string& core) {
  if (work.kernel.empty()) return 0;
  const CycleModel& model = model_of(core);
  const auto coefficients = model.find(work.kernel);
  // A new kernel counts nothing until it is calibrated, which takes compiling it first;
  // tests/unit/kernel_choice_test.cpp finds one that was forgotten.
  if (coefficients == model.end()) return 0;
  double cycles = 0;
  for (const CycleTerm& term : cycle_terms(work)) {
    const auto found = coefficients->second.find(term.name);
    if (found != coefficients->second.end()) cycles += found->second * term.value;
  }
  return cycles;
}

int64_t estimated_cycles(const Graph& graph, const Op& op, const std::string& core) {
  const KernelWork work = kernel_work(graph, op, usual_kernel(graph, op), 1);
  return static_cast<int64_t>(kernel_cycles(work, core));
}

}  // namespace mcunet::compiler
