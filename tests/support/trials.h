// Compiled models with inputs and what must come out, run in batches: on the host, on the host
// under sanitizers, on the emulated core.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

struct Trial {
  uint64_t seed = 0;
  std::string how;  // what was planned, for messages
  Graph graph;      // as made, for messages
  compiler::CompiledModel model;
  struct Run {
    std::vector<uint8_t> input, output;
  };
  std::vector<Run> runs;  // output: the interpreter's
};

// A trial of `model` with the golden streams of seeds 1 and 2.
Trial make_trial(uint64_t seed, std::string how, Graph graph, compiler::CompiledModel model);

// Runs trials of any number, one program for each call. What went wrong comes back as texts that
// name the seed and print the graph: another output, a refused arena, bytes beside the arena that
// changed, an arena that is too small and was accepted.
class HostRunner {
 public:
  HostRunner();
  ~HostRunner();
  std::vector<std::string> run(const std::vector<Trial>& trials);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One program with all trials under the address and undefined-behaviour sanitizers, each in an
// arena of exactly the promised size; its messages if anything goes wrong.
std::string run_sanitized(const std::vector<Trial>& trials, const std::filesystem::path& directory);

// All trials in one firmware on the emulated `core` ("cortex-m7", "cortex-m4").
std::vector<std::string> run_on_core(const std::vector<Trial>& trials, const std::string& core,
                                     const std::filesystem::path& directory);

}  // namespace mcunet::testing
