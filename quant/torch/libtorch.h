// What quant/torch needs of LibTorch, included in one place so that it can be precompiled. ATen and
// autograd alone: <torch/torch.h> takes twice as long to read.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
