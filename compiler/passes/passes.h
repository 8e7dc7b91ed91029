// Graph-to-graph transformations that prepare a graph for scheduling. Each keeps the meaning to the
// bit; dead tensors stay in the graph, dead operators go.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// What lies outside the compiled network at a graph input or output.
enum class EdgeType { Int8, UInt8, Float32 };

struct PassOptions {
  EdgeType io = EdgeType::Int8;  // what the generated API takes and gives
  bool nhwc_input = false;       // a planar (NCHW) input is transposed by the caller
};

// Operators whose bytes come out as they went in become RESHAPE, which costs nothing later:
//   PAD by 0, TRANSPOSE that moves only extents of 1, a slice of everything, QUANTIZE to the same
//   type and scale …
Graph drop_noops(Graph graph);

//   x → RESHAPE to the same shape → y → CONV_2D   becomes   x → CONV_2D
// since what stands between two operators keeps them from taking turns row by row.
Graph drop_renames(Graph graph);

//   PAD(1,1) → CONV_2D VALID   becomes   CONV_2D with padding 1,1
// when the PAD fills with the convolution's zero point, touches only rows and columns and does not
// change the scale.
Graph fold_padding(Graph graph);

//   CONV_2D → RELU   becomes   CONV_2D with fused RELU, in float32, and in int8 when the RELU is a
//   mere clamp of the same quantization.
Graph fuse_activations(Graph graph);

//   input[n,c,h,w] → TRANSPOSE → x   becomes   input[n,h,w,c] x
// so that the caller gives the image as cameras do. Throws Error(Usage) when no input is planar.
Graph take_nhwc_input(Graph graph);
// Whether there is such an input.
bool has_planar_input(const Graph& graph);

//   input[n,c,h,w] → TRANSPOSE → CONV_2D   becomes   input[n,c,h,w] → CONV_2D that reads planes
Graph fold_planar_input(Graph graph);

//   float input → TRANSPOSE → QUANTIZE   becomes   float input → QUANTIZE → TRANSPOSE
//   DEQUANTIZE → TRANSPOSE → output      becomes   TRANSPOSE → DEQUANTIZE → output
// (RESHAPE likewise), so that the conversions stand at the edge.
Graph move_conversions_out(Graph graph);

//   float input → QUANTIZE → x      becomes   int8 input x
//   y → DEQUANTIZE → float output   becomes   int8 output y
// unless the edge has the type asked for already. The order of inputs and outputs stays.
Graph strip_edges(Graph graph, EdgeType io);

// Conversions for the edges that do not have the type asked for; int8 asks for none.
Graph add_edges(Graph graph, EdgeType io);

// Operators whose results nobody reads.
Graph drop_dead_ops(Graph graph);

// The network as the generated API shows it: edges converted as asked for, nothing folded. The
// reference interpreter can run it, and the compiled code must equal it.
Graph with_interface(Graph graph, const PassOptions& options);

// with_interface() and all the foldings, in the order that works.
Graph prepare(Graph graph, const PassOptions& options);

}  // namespace mcunet::compiler
