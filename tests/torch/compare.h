// An imported graph against what LibTorch computes.
#pragma once

#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/reference/interpreter.h"

namespace mcunet::testing {

// The largest difference of one output, relative to its largest value (1 at least).
inline double difference(const std::vector<uint8_t>& bytes, const Shape& shape,
                         const at::Tensor& expected) {
  // Images lie as NHWC, whatever is no image to the importer in the framework's order.
  const std::vector<int64_t> sizes(shape.begin(), shape.end());
  const at::Tensor image = expected.dim() == 4 ? expected.permute({0, 2, 3, 1}) : expected;
  const at::Tensor wanted = (image.sizes().vec() == sizes ? image : expected).contiguous();
  CAPTURE(wanted.sizes().vec(), sizes);
  REQUIRE(wanted.sizes().vec() == sizes);
  at::Tensor actual = at::empty(sizes);
  REQUIRE(bytes.size() == static_cast<size_t>(actual.numel()) * sizeof(float));
  std::memcpy(actual.data_ptr<float>(), bytes.data(), bytes.size());
  const double scale = std::max(1.0, wanted.abs().max().item<double>());
  return (actual - wanted).abs().max().item<double>() / scale;
}

inline std::vector<uint8_t> bytes_of(const at::Tensor& tensor) {
  const at::Tensor stored =
      (tensor.dim() == 4 ? tensor.permute({0, 2, 3, 1}) : tensor).contiguous();
  std::vector<uint8_t> bytes(static_cast<size_t>(stored.numel()) * sizeof(float));
  std::memcpy(bytes.data(), stored.data_ptr<float>(), bytes.size());
  return bytes;
}

inline void check_same(const Graph& graph, const at::Tensor& input,
                       const std::vector<at::Tensor>& expected) {
  const auto outputs = reference::Interpreter(graph).run({bytes_of(input)});
  REQUIRE(outputs.size() == expected.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(outputs[i], graph.tensor(graph.outputs[i]).shape, expected[i]) < 1e-5);
  }
}

inline int count(const Graph& graph, OpKind kind) {
  int found = 0;
  for (const Op& op : graph.ops) found += op.kind == kind ? 1 : 0;
  return found;
}

}  // namespace mcunet::testing
