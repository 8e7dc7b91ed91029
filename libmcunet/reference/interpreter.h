// The interpreter that defines what a model means: int8 exactly as TensorFlow Lite Micro's
// reference kernels compute, and the same operators in float32. The generated C, on the host and on
// the microcontroller, must give the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::reference {

// Prepared once; then run() may be called from several threads at the same time. Copies share what
// was prepared.
class Interpreter {
 public:
  // The graph must be valid (libmcunet/graph/validate.h). Throws Error(Unsupported) with every
  // operator that cannot be run and why, and for planar inputs, which only the compiler knows.
  explicit Interpreter(Graph graph);

  const Graph& graph() const;

  // Raw little-endian bytes, one buffer per graph input or output, in the graph's order.
  using Buffers = std::vector<std::vector<uint8_t>>;
  // Called for each output of each operator as soon as it is computed; the data is valid during the
  // call.
  using Observer =
      std::function<void(const Op&, TensorId, const Tensor&, const uint8_t* data, size_t bytes)>;

  // Throws Error(Input) when the number of inputs or the size of one is wrong. A tensor's memory is
  // released after the last operator that reads it.
  Buffers run(const Buffers& inputs, const Observer& observer = {}) const;

 private:
  struct Prepared;
  std::shared_ptr<const Prepared> prepared_;
};

}  // namespace mcunet::reference
