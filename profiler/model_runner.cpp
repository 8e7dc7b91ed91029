#include "profiler/model_runner.h"

#include <mutex>

#include "compiler/test_input.h"
#include "libmcunet/reference/interpreter.h"

namespace mcunet {

struct ModelRunner::State {
  std::optional<reference::Interpreter> interpreter;
  std::optional<compiler::CompiledModel> model;
  std::optional<reference::Interpreter> before, after;  // the edges
  std::optional<HostProgram> host;
  std::optional<FirmwareProgram> firmware;
  std::mutex core;  // there is one

  std::vector<Buffers> run_compiled(const std::vector<Buffers>& inputs) {
    if (host) return host->run(inputs);
    const std::lock_guard<std::mutex> lock(core);
    std::vector<Buffers> outputs;
    for (const Buffers& input : inputs) outputs.push_back(firmware->run(input));
    return outputs;
  }
};

ModelRunner::ModelRunner(const Graph& graph, const compiler::CompileOptions& options, Place place,
                         compiler::HostCode code)
    : state_(std::make_unique<State>()) {
  if (place == Place::Interpreter) {
    state_->interpreter.emplace(graph);
    return;
  }
  state_->model = compiler::compile(graph, std::string(64, '0'), options);
  state_->before.emplace(compiler::input_edge(*state_->model));
  state_->after.emplace(compiler::output_edge(*state_->model));
  if (place == Place::Host) {
    state_->host.emplace(*state_->model, std::vector<compiler::SourceFile>{}, code);
  } else {
    state_->firmware.emplace(*state_->model);
  }
}
ModelRunner::~ModelRunner() = default;
ModelRunner::ModelRunner(ModelRunner&&) noexcept = default;

Buffers ModelRunner::run(const Buffers& inputs) const { return run_all({inputs}).front(); }

std::vector<Buffers> ModelRunner::run_all(const std::vector<Buffers>& inputs) const {
  std::vector<Buffers> results;
  if (state_->interpreter) {
    for (const Buffers& input : inputs) results.push_back(state_->interpreter->run(input));
    return results;
  }
  std::vector<Buffers> api_inputs;
  for (const Buffers& input : inputs) api_inputs.push_back(state_->before->run(input));
  for (Buffers& api_outputs : state_->run_compiled(api_inputs)) {
    std::vector<uint8_t> boxes;
    if (state_->model->detection) {
      boxes = std::move(api_outputs.back());
      api_outputs.pop_back();
    }
    results.push_back(state_->after->run(
        compiler::distinct_outputs(*state_->model, state_->after->graph(), api_outputs)));
    if (state_->model->detection) results.back().push_back(std::move(boxes));
  }
  return results;
}

bool ModelRunner::exceeds_board() const {
  return state_->firmware && state_->firmware->exceeds_board();
}

}  // namespace mcunet
