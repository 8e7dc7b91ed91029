#include "tests/support/onnx_model.h"

namespace mcunet::testing {

using onnx::AttributeProto;

AttributeProto& OnnxNode::add(const std::string& name, AttributeProto::AttributeType type) {
  AttributeProto& attribute = *proto_.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

OnnxNode& OnnxNode::set(const std::string& name, int64_t value) {
  add(name, AttributeProto::INT).set_i(value);
  return *this;
}
OnnxNode& OnnxNode::set(const std::string& name, double value) {
  add(name, AttributeProto::FLOAT).set_f(static_cast<float>(value));
  return *this;
}
OnnxNode& OnnxNode::set(const std::string& name, const char* value) {
  add(name, AttributeProto::STRING).set_s(value);
  return *this;
}
OnnxNode& OnnxNode::set(const std::string& name, const std::vector<int64_t>& values) {
  AttributeProto& attribute = add(name, AttributeProto::INTS);
  for (const int64_t value : values) attribute.add_ints(value);
  return *this;
}

OnnxModel::OnnxModel(int64_t opset) {
  proto_.set_ir_version(8);
  proto_.add_opset_import()->set_version(opset);
  proto_.mutable_graph()->set_name("test");
}

void OnnxModel::input(const std::string& name, const std::vector<int64_t>& shape) {
  onnx::ValueInfoProto& input = *proto_.mutable_graph()->add_input();
  input.set_name(name);
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int64_t extent : shape) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (extent == 0) {
      dim.set_dim_param("unknown");
    } else {
      dim.set_dim_value(extent);
    }
  }
}

void OnnxModel::output(const std::string& name) {
  onnx::ValueInfoProto& output = *proto_.mutable_graph()->add_output();
  output.set_name(name);
  auto& type = *output.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape();
}

void OnnxModel::constant(const std::string& name, const std::vector<int64_t>& shape,
                         const std::vector<float>& values) {
  onnx::TensorProto& tensor = *proto_.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t extent : shape) tensor.add_dims(extent);
  for (const float value : values) tensor.add_float_data(value);
}

void OnnxModel::constant(const std::string& name, const std::vector<int64_t>& values) {
  onnx::TensorProto& tensor = *proto_.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor.add_int64_data(value);
}

OnnxNode OnnxModel::node(const std::string& kind, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *proto_.mutable_graph()->add_node();
  node.set_op_type(kind);
  node.set_name(kind + std::to_string(proto_.graph().node_size() - 1));
  for (const std::string& name : inputs) node.add_input(name);
  for (const std::string& name : outputs) node.add_output(name);
  return OnnxNode(node);
}

std::vector<uint8_t> OnnxModel::bytes() const {
  const std::string text = proto_.SerializeAsString();
  return {text.begin(), text.end()};
}

}  // namespace mcunet::testing
