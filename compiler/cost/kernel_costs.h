// What each kernel costs on a core: flash of its code, flash of its parameters, stack. Measured by
// scripts/measure-kernels, kept in configs/kernels/CORE.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace mcunet::compiler {

struct KernelCost {
  int64_t code = 0;    // bytes of .text
  int64_t stack = 0;   // bytes at most
  int64_t params = 0;  // bytes of its parameter struct; 0 for kernels without one
};

struct KernelCosts {
  std::string core;
  int64_t call_code = 0;  // bytes one call takes in NAME_invoke
  int64_t api_code =
      0;  // bytes of NAME_init, NAME_invoke's frame and the other functions of the API
  int64_t api_stack = 0;     // bytes of stack of NAME_invoke itself, without its row counters
  int64_t row_api_code = 0;  // bytes of the functions that row input adds
  int64_t run_code = 0, run_op_code = 0;  // bytes of a run by rows, and of each operator in it
  std::map<std::string, KernelCost> kernels;

  const KernelCost& of(const std::string& kernel) const;
};

// For a core without a table of its own ("cortex-m33", "host") the nearest one is used: the code is
// compiled from the same sources. Sizes differ by a few per cent.
KernelCosts kernel_costs(const std::string& core);

}  // namespace mcunet::compiler
