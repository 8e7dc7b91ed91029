// What the importer needs of ONNX's messages, checked.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "quant/import/value.h"

namespace mcunet::import {

// Throws Error(Input) for damaged tensors, Error(Unsupported) for element types without numbers.
// Data in other files is read from `directory` and below it.
Constant constant_of(const onnx::TensorProto& tensor, const std::filesystem::path& directory);

// The attributes of a node.
class Attributes {
 public:
  Attributes(const onnx::NodeProto& node, std::filesystem::path directory)
      : node_(node), directory_(std::move(directory)) {}

  bool has(const std::string& name) const { return find(name) != nullptr; }
  int64_t integer(const std::string& name, int64_t fallback) const;
  double real(const std::string& name, double fallback) const;
  std::string text(const std::string& name, const std::string& fallback) const;
  std::vector<int64_t> integers(const std::string& name, std::vector<int64_t> fallback = {}) const;
  // `count` integers. Throws Error(Input) when there is another number of them.
  std::vector<int64_t> integers(const std::string& name, size_t count, int64_t fallback) const;
  // The value of a Constant node, in any of its forms.
  Constant constant() const;
  std::optional<Constant> tensor(const std::string& name) const;

 private:
  const onnx::AttributeProto* find(const std::string& name) const;

  const onnx::NodeProto& node_;
  std::filesystem::path directory_;
};

}  // namespace mcunet::import
