// What the TorchScript importer needs of LibTorch, included in one place so that it can be
// precompiled. <torch/script.h> takes twice as long to read.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
