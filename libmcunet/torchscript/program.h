// Float graphs as TorchScript: the source of forward() and the tensors that it names. No LibTorch
// here: its module compiles and stores the program (quant/import/torch/write.cpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::torchscript {

// A tensor of the module tree. Its name is its path: "blocks.0.mobile_inverted_conv.depth_conv.bn.
// bias" is the parameter "bias" in a module "bn" in …
struct ModuleTensor {
  Tensor tensor;         // float32, or int64 for num_batches_tracked
  bool trained = false;  // a parameter; else a buffer
};

struct Program {
  std::string source;  // "def forward(self, x):\n  …", images as [n, c, h, w]
  std::vector<ModuleTensor> tensors;
};

// The program that computes what `graph` computes, in PyTorch's order of dimensions and for any
// number of images.
//
// Where `state` has tensors by the names of a graph's weights, the program uses those: weights as
// they are trained, with batch norm behind them (`bn` gives eps and momentum; train() and eval()
// switch it). So build_trained_graph()'s graph and its state dict give a module whose state_dict()
// is MCUNet's again. Other weights are the graph's: batch norm is folded into them.
//
// Throws Error(Unsupported) with every operator that the built-in networks do not use, or use in
// another way.
Program program_of(const Graph& graph, const checkpoint::StateDict& state = {},
                   const netspec::BatchNorm& bn = {});

// The LibTorch module's function: the file of torch.jit.save(). It is compiled by the same
// compiler; throws Error(Internal) where LibTorch refuses the program.
using WriteTorchScript = std::unique_ptr<std::vector<uint8_t>>(const Program& program);
inline constexpr const char* kWriteTorchScript = "mcunet_write_torchscript";

}  // namespace mcunet::torchscript
