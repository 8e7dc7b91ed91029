#include "compiler/schedule/lower.h"

#include <cstring>
#include <stdexcept>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {

void Lowering::begin(size_t op_index, int32_t column) {
  op_index_ = op_index;
  row_ = row_op(graph_, op());
  run_ = &schedule_.run_of(op_index);
  column_ = column;
  if (in_patches() && !patches_) find_patches();
}

// A schedule tells the grid; the rest follows from it.
void Lowering::find_patches() {
  PatchGrid grid;
  grid.ops = static_cast<int>(run_->end_op);
  grid.rows = static_cast<int32_t>(run_->patch_rows.size());
  grid.columns = run_->patch_columns;
  patches_ = patch_part(graph_, row_graph(graph_), grid);
}

const PatchInput& Lowering::patch_input(size_t i) const {
  for (const PatchInput& input : patches_->ops[op_index_].inputs) {
    if (input.tensor == op().inputs[i]) return input;
  }
  throw std::logic_error("a constant has no columns");
}

RowRange Lowering::in_columns(size_t i) const {
  if (in_patches()) return patches_->read(patch_op(), patch_input(i), column_);
  const bool planar = op().kind == OpKind::Conv2D && op().as<ConvAttrs>().planar_input;
  return {0, input(i).shape[planar ? 3 : 2]};
}

RowRange Lowering::out_columns() const {
  if (in_patches()) return patches_->made(patch_op(), column_);
  return {0, output().shape[2]};
}

int32_t Lowering::in_width(size_t i) const {
  const RowRange columns = in_columns(i);
  return columns.end - columns.first;
}

int32_t Lowering::out_width() const {
  const RowRange columns = out_columns();
  return columns.end - columns.first;
}

int32_t Lowering::pad_left(int32_t stride, int32_t padding) const {
  if (!in_patches()) return padding;
  return in_columns(0).first - (out_columns().first * stride - padding);
}

int64_t Lowering::per_call(int64_t elements) const {
  if (!by_rows()) return elements;
  if (!in_patches()) return elements / row_.steps;
  return elements / (int64_t{output().shape[1]} * output().shape[2]) * out_width();
}

const RowInput& Lowering::row_input(size_t i) const {
  for (const RowInput& input : row_.inputs) {
    if (input.tensor == op().inputs[i]) return input;
  }
  throw std::logic_error("a constant has no rows");
}

Argument Lowering::operand(TensorId id, int64_t offset, const char* cast) const {
  const Placement& place = schedule_.placements[static_cast<size_t>(id)];
  ArenaArgument argument;
  argument.ref = {place.buffer, place.offset + offset};
  argument.cast = cast;
  return argument;
}

Argument Lowering::in(size_t i, int64_t offset, const char* cast) {
  const Tensor& tensor = input(i);
  if (!tensor.is_constant()) {
    Argument argument = in_image(i, offset);
    auto& arena = std::get<ArenaArgument>(argument);
    arena.cast = cast;
    const bool follows = by_rows() && row_input(i).stride == 1 && row_input(i).window == 1;
    if (follows) arena.pitch = row_stride(i);
    if (follows) arena.ring = schedule_.placements[static_cast<size_t>(op().inputs[i])].ring;
    return argument;
  }
  if (tensor.dtype != DType::Int8)
    throw Error(ErrorKind::Unsupported,
                "constant input of type " + std::string(dtype_name(tensor.dtype)));
  const auto* values = tensor.constant<int8_t>();
  ConstantRef constant = int8s("operand" + std::to_string(i), {values, values + tensor.elements()},
                               ConstantRole::Weights);
  constant.offset = offset;
  return constant;
}

Argument Lowering::in_image(size_t i, int64_t offset) {
  if (in_patches()) {
    const PatchInput& input = patch_input(i);
    const int32_t begin = input.producer < 0 ? 0 : patches_->made(input.producer, column_).first;
    offset += (in_columns(i).first - begin) * input.column_bytes;
  }
  return operand(op().inputs[i], offset, nullptr);
}

Argument Lowering::out(size_t i, int64_t offset, const char* cast) {
  const Placement& place = schedule_.placements[static_cast<size_t>(op().outputs[i])];
  if (in_patches() && place.ring == 0)  // the last operator's output, which is whole
    offset += out_columns().first * patches_->ops[op_index_].column_bytes;
  Argument argument = operand(op().outputs[i], offset, cast);
  if (by_rows()) {
    auto& arena = std::get<ArenaArgument>(argument);
    arena.pitch = place.pitch > 0 ? place.pitch : row_.output.pitch;
    arena.ring = place.ring;
  }
  return argument;
}

Argument Lowering::out_image(size_t i) { return operand(op().outputs[i], 0, nullptr); }

Argument Lowering::scratch(int64_t bytes) {
  if (bytes > row_.scratch) throw std::logic_error("more scratch than row_op() promises");
  ArenaArgument argument;
  argument.ref = {run_->scratch, in_patches() ? patches_->scratch[op_index_] : 0};
  argument.cast = "int16_t";
  return argument;
}

Argument Lowering::sums() {
  ArenaArgument argument;
  argument.ref = {run_->sums[op_index_ - run_->first_op], 0};
  argument.cast = "int32_t";
  return argument;
}

int32_t Lowering::ring_rows(size_t i) const {
  const Placement& place = schedule_.placements[static_cast<size_t>(op().inputs[i])];
  return place.ring > 0 ? place.ring : row_input(i).rows.height;
}

int64_t Lowering::row_stride(size_t i) const {
  const Placement& place = schedule_.placements[static_cast<size_t>(op().inputs[i])];
  return place.pitch > 0 ? place.pitch : row_input(i).rows.pitch;
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
  KernelCall call;
  call.kernel = std::move(kernel);
  call.arguments = std::move(arguments);
  call.params = std::move(params);
  call.op = op_index_;
  call.column = column_;
  schedule_.calls.push_back(std::move(call));
}

void Lowering::call_rows(std::string kernel, std::vector<Argument> arguments, Params params) {
  arguments.emplace_back(RowArgument::Row);
  arguments.emplace_back(RowArgument::Count);
  call(std::move(kernel), std::move(arguments), std::move(params));
  schedule_.calls.back().rows = row_.output.height;
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

void require_supported_types(const Graph& graph) {
  std::vector<std::string> problems;
  for (const Op& op : graph.ops) {
    const bool converts = op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize;
    std::vector<TensorId> touched = op.inputs;
    touched.insert(touched.end(), op.outputs.begin(), op.outputs.end());
    for (const TensorId id : touched) {
      const Tensor& tensor = graph.tensor(id);
      if (tensor.is_constant() || tensor.dtype == DType::Int8) continue;
      if (converts && tensor.dtype != DType::Int16) continue;
      problems.push_back(describe(op) + ": tensor " + std::to_string(id) + " '" + tensor.name +
                         "' is " + dtype_name(tensor.dtype) +
                         "; compiled networks work on int8 between their edges");
      break;
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
}

void lower_all(const Graph& graph, Schedule& schedule, const std::set<std::string>& unwanted) {
  std::vector<std::string> problems;
  Lowering lowering(graph, schedule, unwanted);
  for (Run& run : schedule.runs) {
    run.first_call = schedule.calls.size();
    const int32_t columns = run.kind == RunKind::Patches ? run.patch_columns : 1;
    for (size_t i = run.first_op; i < run.end_op; ++i) {
      try {
        const OpKind kind = graph.ops[i].kind;
        const bool converts = kind == OpKind::Quantize || kind == OpKind::Dequantize;
        if (!converts) reference::compute_type(graph, graph.ops[i]);
        for (int32_t column = 0; column < columns; ++column) {
          lowering.begin(i, column);
          lower(lowering);
        }
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::Unsupported) throw;
        for (const std::string& problem : error.problems())
          problems.push_back(describe(graph.ops[i]) + ": " + problem);
      }
    }
    run.end_call = schedule.calls.size();
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
}

}  // namespace mcunet::compiler
