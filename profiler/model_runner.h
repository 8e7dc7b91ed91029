// A model on one of the three places where it can run; inputs and outputs as the model file has
// them, whatever the types at the compiled network's own edges.
#pragma once

#include <memory>
#include <optional>

#include "compiler/compile.h"
#include "profiler/execution.h"

namespace mcunet {

enum class Place { Interpreter, Host, Firmware };

class ModelRunner {
 public:
  // Compiles for host and firmware (int8 edges); throws what compile(), HostProgram and
  // FirmwareProgram throw. `code` is for the host.
  ModelRunner(const Graph& graph, const compiler::CompileOptions& options, Place place,
              compiler::HostCode code = compiler::HostCode::Plain);
  ~ModelRunner();
  ModelRunner(ModelRunner&&) noexcept;

  // One buffer per input of the graph; returns one per output, and one more of boxes when it is
  // compiled with Postprocess::Yolo3 (compiler::boxes_to_bytes()).
  Buffers run(const Buffers& inputs) const;
  // One inference per element. May be called from several threads; the emulated core serves one
  // after the other.
  std::vector<Buffers> run_all(const std::vector<Buffers>& inputs) const;

  // Firmware was given more memory than the board has.
  bool exceeds_board() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mcunet
