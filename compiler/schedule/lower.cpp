#include "compiler/schedule/lower.h"

#include <cstring>

#include "libmcunet/support/error.h"

namespace mcunet::compiler {

Argument Lowering::operand(TensorId id, int64_t offset, const char* cast) {
  const Placement& place = schedule_.placements[static_cast<size_t>(id)];
  return ArenaArgument{{place.buffer, place.offset + offset}, cast};
}

Argument Lowering::in(size_t i, int64_t offset, const char* cast) {
  const Tensor& tensor = input(i);
  if (!tensor.is_constant()) return operand(op().inputs[i], offset, cast);
  if (tensor.dtype != DType::Int8)
    throw Error(ErrorKind::Unsupported,
                "constant input of type " + std::string(dtype_name(tensor.dtype)));
  const auto* values = tensor.constant<int8_t>();
  ConstantRef constant = int8s("operand" + std::to_string(i), {values, values + tensor.elements()},
                               ConstantRole::Weights);
  constant.offset = offset;
  return constant;
}

Argument Lowering::out(size_t i, int64_t offset, const char* cast) {
  return operand(op().outputs[i], offset, cast);
}

Argument Lowering::scratch(int64_t bytes) {
  const int time = static_cast<int>(op_index_) + 1;
  schedule_.buffers.push_back({"scratch" + std::to_string(op_index_), bytes, time, time, true});
  return ArenaArgument{{static_cast<BufferId>(schedule_.buffers.size() - 1), 0}, "int16_t"};
}

ConstantRef Lowering::constant(const std::string& what, CType type, ConstantRole role,
                               std::vector<uint8_t> bytes) {
  auto& known = known_[static_cast<size_t>(type)][static_cast<size_t>(role)];
  const auto next = static_cast<ConstantId>(schedule_.constants.size());
  const auto [entry, added] = known.emplace(bytes, next);
  if (added) {
    // The running number keeps names apart where an operator has several constants of one sort
    // (groups).
    const std::string name = "op" + std::to_string(op_index_) + "_" + what;
    size_t same = 0;
    for (const Constant& other : schedule_.constants)
      same += other.name.compare(0, name.size(), name) == 0 ? 1 : 0;
    schedule_.constants.push_back(
        {same == 0 ? name : name + "_" + std::to_string(same), type, role, std::move(bytes)});
  }
  return {entry->second, 0};
}

namespace {

template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

ConstantRef Lowering::int8s(const std::string& what, const std::vector<int8_t>& values,
                            ConstantRole role) {
  return constant(what, CType::Int8, role, bytes_of(values));
}
ConstantRef Lowering::uint16s(const std::string& what, const std::vector<uint16_t>& values) {
  return constant(what, CType::UInt16, ConstantRole::Table, bytes_of(values));
}
ConstantRef Lowering::int32s(const std::string& what, const std::vector<int32_t>& values,
                             ConstantRole role) {
  return constant(what, CType::Int32, role, bytes_of(values));
}

void Lowering::call(std::string kernel, std::vector<Argument> arguments, Params params) {
  schedule_.calls.push_back(
      {std::move(kernel), std::move(arguments), std::move(params), op_index_});
}

void lower(Lowering& to) {
  switch (to.op().kind) {
    case OpKind::Conv2D:
      return lower_conv(to);
    case OpKind::DepthwiseConv2D:
      return lower_depthwise(to);
    case OpKind::FullyConnected:
      return lower_fully_connected(to);
    case OpKind::Add:
    case OpKind::Sub:
      return lower_add(to);
    case OpKind::Mul:
      return lower_mul(to);
    case OpKind::Minimum:
    case OpKind::Maximum:
      return lower_minmax(to);
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
      return lower_pool(to);
    case OpKind::Mean:
      return lower_mean(to);
    case OpKind::Softmax:
      return lower_softmax(to);
    case OpKind::Logistic:
    case OpKind::Tanh:
    case OpKind::Relu:
    case OpKind::Relu6:
    case OpKind::ReluN1To1:
    case OpKind::HardSwish:
    case OpKind::LeakyRelu:
    case OpKind::Elu:
    case OpKind::Abs:
      return lower_table(to);
    case OpKind::Quantize:
    case OpKind::Dequantize:
      return lower_quantize(to);
    case OpKind::Pad:
      return lower_pad(to);
    case OpKind::Reshape:
      return lower_reshape(to);
    case OpKind::Transpose:
      return lower_transpose(to);
    case OpKind::Concatenation:
    case OpKind::Pack:
      return lower_concatenation(to);
    case OpKind::Split:
    case OpKind::Unpack:
      return lower_split(to);
    case OpKind::StridedSlice:
      return lower_strided_slice(to);
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
      return lower_block_move(to);
    case OpKind::ResizeNearestNeighbor:
      return lower_resize(to);
  }
}

}  // namespace mcunet::compiler
