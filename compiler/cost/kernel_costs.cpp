#include "compiler/cost/kernel_costs.h"

#include <nlohmann/json.hpp>

#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {

const KernelCost& KernelCosts::of(const std::string& kernel) const {
  const auto found = kernels.find(kernel);
  if (found == kernels.end())
    throw Error(ErrorKind::Internal, "configs/kernels/" + core + ".json does not know the kernel " +
                                         kernel + "; run scripts/measure-kernels");
  return found->second;
}

KernelCosts kernel_costs(const std::string& core) {
  const std::string wanted = core == "cortex-m4" ? core : "cortex-m7";
  for (const EmbeddedFile& file : embedded::kernel_costs()) {
    if (file.name != wanted + ".json") continue;
    const nlohmann::json document = nlohmann::json::parse(file.text);
    KernelCosts costs;
    costs.core = wanted;
    costs.call_code = document.at("call_code");
    costs.api_code = document.at("api_code");
    costs.api_stack = document.at("api_stack");
    costs.row_api_code = document.at("row_api_code");
    costs.run_code = document.at("run_code");
    costs.run_op_code = document.at("run_op_code");
    for (const auto& [name, cost] : document.at("kernels").items()) {
      const std::string prefix = "mcunet_";
      costs.kernels[name.substr(prefix.size())] = {cost.at("code"), cost.at("stack"),
                                                   cost.value("params", 0)};
    }
    return costs;
  }
  throw Error(ErrorKind::Internal, "configs/kernels/" + wanted + ".json is missing");
}

}  // namespace mcunet::compiler
