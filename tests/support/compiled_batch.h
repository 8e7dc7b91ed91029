// Many compiled models in one C program: kernels are shared, so that each is compiled once for all
// models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "compiler/compile.h"

namespace mcunet::testing {

// The prefix of the kernels that the models of a batch share.
constexpr const char* kSharedKernels = "prop";

// compile() for tests, as the C prefix `name`.
compiler::CompiledModel compile_for_test(const Graph& graph, const std::string& name,
                                         const std::string& board = "stm32f746");

// compile_planned() for tests. With `input_rows` a planar input becomes NHWC.
compiler::CompiledModel compile_for_test(
    const Graph& graph, const std::string& name,
    const std::function<compiler::Plan(const Graph&)>& make_plan, bool input_rows = false);

// Writes into `directory`: prop_kernels.{h,c}; per model NAME.{h,c} and NAME_weights.{h,c}; and
// batch.c, which includes them all and defines for each model
//   int NAME_property(void *arena, size_t size, const uint8_t *inputs, uint8_t *outputs);
// It runs the network once on concatenated inputs, pushed row by row where the network takes rows,
// and returns the status of the first step that fails.
void write_batch(const std::vector<compiler::CompiledModel>& models,
                 const std::filesystem::path& directory);

// Runs a compiler or linker in a directory; throws Error(External) with its messages.
void build_step(const std::vector<std::string>& arguments, const std::filesystem::path& directory);

}  // namespace mcunet::testing
