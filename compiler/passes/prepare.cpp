#include "compiler/passes/passes.h"
#include "libmcunet/graph/validate.h"

namespace mcunet::compiler {

Graph with_interface(Graph graph, const PassOptions& options) {
  // A TRANSPOSE of planes is seen only where no conversion stands before it.
  graph = strip_edges(std::move(graph), options.nhwc_input ? EdgeType::Int8 : options.io);
  if (options.nhwc_input) graph = take_nhwc_input(std::move(graph));
  graph = add_edges(std::move(graph), options.io);
  graph = drop_dead_ops(std::move(graph));
  validate(graph);
  return graph;
}

Graph prepare(Graph graph, const PassOptions& options) {
  graph = with_interface(std::move(graph), options);
  graph = drop_noops(std::move(graph));
  graph = drop_renames(std::move(graph));
  graph = fold_padding(std::move(graph));
  graph = fuse_activations(std::move(graph));
  graph = drop_dead_ops(std::move(graph));
  graph = fold_planar_input(std::move(graph));
  validate(graph);
  return graph;
}

}  // namespace mcunet::compiler
