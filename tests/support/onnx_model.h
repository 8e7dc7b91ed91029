// ONNX models for tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mcunet::testing {

// A node that is being described: attributes are set one after the other.
class OnnxNode {
 public:
  explicit OnnxNode(onnx::NodeProto& proto) : proto_(proto) {}

  OnnxNode& set(const std::string& name, int64_t value);
  OnnxNode& set(const std::string& name, double value);
  OnnxNode& set(const std::string& name, const char* value);
  OnnxNode& set(const std::string& name, const std::vector<int64_t>& values);

 private:
  onnx::AttributeProto& add(const std::string& name, onnx::AttributeProto::AttributeType type);

  onnx::NodeProto& proto_;
};

class OnnxModel {
 public:
  explicit OnnxModel(int64_t opset = 17);

  // An extent of 0 is unknown.
  void input(const std::string& name, const std::vector<int64_t>& shape);
  void output(const std::string& name);
  void constant(const std::string& name, const std::vector<int64_t>& shape,
                const std::vector<float>& values);
  void constant(const std::string& name, const std::vector<int64_t>& values);
  OnnxNode node(const std::string& kind, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs);

  onnx::ModelProto& proto() { return proto_; }
  std::vector<uint8_t> bytes() const;

 private:
  onnx::ModelProto proto_;
};

}  // namespace mcunet::testing
