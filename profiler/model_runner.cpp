#include "profiler/model_runner.h"

#include "compiler/test_input.h"
#include "libmcunet/reference/interpreter.h"

namespace mcunet {

struct ModelRunner::State {
  std::optional<reference::Interpreter> interpreter;
  std::optional<compiler::CompiledModel> model;
  std::optional<reference::Interpreter> before, after;  // the edges
  std::optional<HostProgram> host;
  std::optional<FirmwareProgram> firmware;
};

ModelRunner::ModelRunner(const Graph& graph, const compiler::CompileOptions& options, Place place)
    : state_(std::make_unique<State>()) {
  if (place == Place::Interpreter) {
    state_->interpreter.emplace(graph);
    return;
  }
  state_->model = compiler::compile(graph, std::string(64, '0'), options);
  state_->before.emplace(compiler::input_edge(*state_->model));
  state_->after.emplace(compiler::output_edge(*state_->model));
  if (place == Place::Host) {
    state_->host.emplace(*state_->model);
  } else {
    state_->firmware.emplace(*state_->model);
  }
}
ModelRunner::~ModelRunner() = default;
ModelRunner::ModelRunner(ModelRunner&&) noexcept = default;

Buffers ModelRunner::run(const Buffers& inputs) {
  if (state_->interpreter) return state_->interpreter->run(inputs);
  const Buffers api_inputs = state_->before->run(inputs);
  const Buffers api_outputs =
      state_->host ? state_->host->run({api_inputs}).front() : state_->firmware->run(api_inputs);
  return state_->after->run(
      compiler::distinct_outputs(*state_->model, state_->after->graph(), api_outputs));
}

bool ModelRunner::exceeds_board() const {
  return state_->firmware && state_->firmware->exceeds_board();
}

}  // namespace mcunet
