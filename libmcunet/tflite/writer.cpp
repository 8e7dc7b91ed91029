#include "libmcunet/tflite/writer.h"

#include <cstring>
#include <map>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/schema_generated.h"

namespace mcunet {
namespace {

using Builtin = tflite::BuiltinOperator;

tflite::ElementType element_type(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return tflite::ElementType::FLOAT32;
    case DType::Int8:
      return tflite::ElementType::INT8;
    case DType::UInt8:
      return tflite::ElementType::UINT8;
    case DType::Int16:
      return tflite::ElementType::INT16;
    case DType::Int32:
      return tflite::ElementType::INT32;
    case DType::Int64:
      return tflite::ElementType::INT64;
    case DType::Bool:
      return tflite::ElementType::BOOL;
    case DType::Int4:
      return tflite::ElementType::INT4;
  }
  return tflite::ElementType::FLOAT32;
}

tflite::FusedActivation fused(Activation activation) {
  switch (activation) {
    case Activation::None:
      return tflite::FusedActivation::NONE;
    case Activation::Relu:
      return tflite::FusedActivation::RELU;
    case Activation::ReluN1To1:
      return tflite::FusedActivation::RELU_N1_TO_1;
    case Activation::Relu6:
      return tflite::FusedActivation::RELU6;
  }
  return tflite::FusedActivation::NONE;
}

Builtin builtin_of(const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D:
      return Builtin::CONV_2D;
    case OpKind::DepthwiseConv2D:
      return Builtin::DEPTHWISE_CONV_2D;
    case OpKind::FullyConnected:
      return Builtin::FULLY_CONNECTED;
    case OpKind::Add:
      return Builtin::ADD;
    case OpKind::Sub:
      return Builtin::SUB;
    case OpKind::Mul:
      return Builtin::MUL;
    case OpKind::Minimum:
      return Builtin::MINIMUM;
    case OpKind::Maximum:
      return Builtin::MAXIMUM;
    case OpKind::AveragePool2D:
      return Builtin::AVERAGE_POOL_2D;
    case OpKind::MaxPool2D:
      return Builtin::MAX_POOL_2D;
    case OpKind::Mean:
      return Builtin::MEAN;
    case OpKind::Softmax:
      return Builtin::SOFTMAX;
    case OpKind::Logistic:
      return Builtin::LOGISTIC;
    case OpKind::Tanh:
      return Builtin::TANH;
    case OpKind::Relu:
      return Builtin::RELU;
    case OpKind::Relu6:
      return Builtin::RELU6;
    case OpKind::ReluN1To1:
      return Builtin::RELU_N1_TO_1;
    case OpKind::HardSwish:
      return Builtin::HARD_SWISH;
    case OpKind::LeakyRelu:
      return Builtin::LEAKY_RELU;
    case OpKind::Elu:
      return Builtin::ELU;
    case OpKind::Abs:
      return Builtin::ABS;
    case OpKind::Pad:
      return op.as<PadAttrs>().has_value ? Builtin::PADV2 : Builtin::PAD;
    case OpKind::Reshape:
      return Builtin::RESHAPE;
    case OpKind::Transpose:
      return Builtin::TRANSPOSE;
    case OpKind::Concatenation:
      return Builtin::CONCATENATION;
    case OpKind::Split:
      return Builtin::SPLIT_V;  // covers equal and unequal parts
    case OpKind::StridedSlice:
      return Builtin::STRIDED_SLICE;
    case OpKind::Pack:
      return Builtin::PACK;
    case OpKind::Unpack:
      return Builtin::UNPACK;
    case OpKind::DepthToSpace:
      return Builtin::DEPTH_TO_SPACE;
    case OpKind::SpaceToDepth:
      return Builtin::SPACE_TO_DEPTH;
    case OpKind::ResizeNearestNeighbor:
      return Builtin::RESIZE_NEAREST_NEIGHBOR;
    case OpKind::Quantize:
      return Builtin::QUANTIZE;
    case OpKind::Dequantize:
      return Builtin::DEQUANTIZE;
  }
  return Builtin::CUSTOM;
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {}

  std::vector<uint8_t> write() {
    model_.version = 3;
    model_.description = "mcunet";
    model_.buffers.push_back(
        std::make_unique<tflite::BufferT>());  // buffer 0 is the empty one by convention
    subgraph_ = std::make_unique<tflite::SubGraphT>();
    subgraph_->name = graph_.name;
    for (const Tensor& tensor : graph_.tensors) add_tensor(tensor);
    subgraph_->inputs = graph_.inputs;
    subgraph_->outputs = graph_.outputs;
    for (const Op& op : graph_.ops) add_operator(op);
    model_.subgraphs.push_back(std::move(subgraph_));
    for (const auto& [name, text] : graph_.metadata) add_metadata(name, text);
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(tflite::Model::Pack(builder, &model_), tflite::ModelIdentifier());
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  void add_metadata(const std::string& name, const std::string& text) {
    auto buffer = std::make_unique<tflite::BufferT>();
    buffer->data.assign(text.begin(), text.end());
    auto entry = std::make_unique<tflite::MetadataT>();
    entry->name = name;
    entry->buffer = static_cast<uint32_t>(model_.buffers.size());
    model_.buffers.push_back(std::move(buffer));
    model_.metadata.push_back(std::move(entry));
  }

  TensorId add_tensor(const Tensor& tensor) {
    auto table = std::make_unique<tflite::TensorT>();
    table->name = tensor.name;
    table->type = element_type(tensor.dtype);
    table->shape = tensor.shape;
    if (!tensor.quantization.empty()) {
      table->quantization = std::make_unique<tflite::QuantizationParametersT>();
      table->quantization->scale = tensor.quantization.scales;
      table->quantization->zero_point.assign(tensor.quantization.zero_points.begin(),
                                             tensor.quantization.zero_points.end());
      table->quantization->quantized_dimension = tensor.quantization.axis;
    }
    if (tensor.is_constant()) {
      auto buffer = std::make_unique<tflite::BufferT>();
      buffer->data = *tensor.data;
      table->buffer = static_cast<uint32_t>(model_.buffers.size());
      model_.buffers.push_back(std::move(buffer));
    }
    subgraph_->tensors.push_back(std::move(table));
    return static_cast<TensorId>(subgraph_->tensors.size() - 1);
  }

  TensorId add_ints(const std::string& name, const std::vector<int32_t>& values, Shape shape = {}) {
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = DType::Int32;
    tensor.shape = shape.empty() ? Shape{static_cast<int32_t>(values.size())} : std::move(shape);
    std::vector<uint8_t> bytes(values.size() * 4);
    std::memcpy(bytes.data(), values.data(), bytes.size());
    tensor.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
    return add_tensor(tensor);
  }

  tflite::OperatorT& push(Builtin code, std::vector<TensorId> inputs,
                          std::vector<TensorId> outputs) {
    const auto [entry, added] =
        codes_.emplace(code, static_cast<uint32_t>(model_.operator_codes.size()));
    if (added) {
      auto table = std::make_unique<tflite::OperatorCodeT>();
      table->builtin_code = static_cast<int32_t>(code);
      table->deprecated_builtin_code = static_cast<int8_t>(std::min(table->builtin_code, 127));
      model_.operator_codes.push_back(std::move(table));
    }
    auto table = std::make_unique<tflite::OperatorT>();
    table->opcode_index = entry->second;
    table->inputs = std::move(inputs);
    table->outputs = std::move(outputs);
    subgraph_->operators.push_back(std::move(table));
    return *subgraph_->operators.back();
  }

  // The scheme that means this padding, after a PAD operator in front if neither does. Returns the
  // input to use.
  TensorId write_padding(const Op& op, const SpatialPadding& pad, int32_t kernel_h,
                         int32_t kernel_w, int32_t stride_h, int32_t stride_w, int32_t dilation_h,
                         int32_t dilation_w, tflite::PaddingScheme& scheme) {
    const TensorId input = op.inputs[0];
    const Shape& x = graph_.tensor(input).shape;
    scheme = tflite::PaddingScheme::VALID;
    if (pad.none()) return input;
    const PaddingPair h = same_padding(x[1], kernel_h, stride_h, dilation_h);
    const PaddingPair w = same_padding(x[2], kernel_w, stride_w, dilation_w);
    if (pad.top == h.before && pad.bottom == h.after && pad.left == w.before &&
        pad.right == w.after) {
      scheme = tflite::PaddingScheme::SAME;
      return input;
    }
    Tensor padded = graph_.tensor(input);
    padded.name += "/padded";
    padded.shape = {x[0], x[1] + pad.top + pad.bottom, x[2] + pad.left + pad.right, x[3]};
    const TensorId id = add_tensor(padded);
    const TensorId amounts = add_ints(
        padded.name + "/paddings", {0, 0, pad.top, pad.bottom, pad.left, pad.right, 0, 0}, {4, 2});
    push(Builtin::PAD, {input, amounts}, {id}).builtin_options.Set(tflite::PadOptionsT{});
    return id;
  }

  template <typename Options>
  void write_conv(const Op& op, Options options) {
    const auto& attrs = op.as<ConvAttrs>();
    if (attrs.planar_input)
      throw Error(ErrorKind::Unsupported,
                  describe(op) + ": a planar input cannot be written to .tflite");
    const Shape& w = graph_.input(op, 1).shape;
    std::vector<TensorId> inputs = op.inputs;
    inputs[0] = write_padding(op, attrs.padding, w[1], w[2], attrs.stride_h, attrs.stride_w,
                              attrs.dilation_h, attrs.dilation_w, options.padding);
    options.stride_h = attrs.stride_h;
    options.stride_w = attrs.stride_w;
    options.dilation_h_factor = attrs.dilation_h;
    options.dilation_w_factor = attrs.dilation_w;
    options.fused_activation_function = fused(attrs.activation);
    push(builtin_of(op), inputs, op.outputs).builtin_options.Set(std::move(options));
  }

  void write_pool(const Op& op) {
    const auto& attrs = op.as<PoolAttrs>();
    tflite::Pool2DOptionsT options;
    const TensorId input = write_padding(op, attrs.padding, attrs.filter_h, attrs.filter_w,
                                         attrs.stride_h, attrs.stride_w, 1, 1, options.padding);
    if (input != op.inputs[0])
      throw Error(ErrorKind::Unsupported,
                  describe(op) + ": this padding cannot be written to .tflite");
    options.stride_h = attrs.stride_h;
    options.stride_w = attrs.stride_w;
    options.filter_height = attrs.filter_h;
    options.filter_width = attrs.filter_w;
    options.fused_activation_function = fused(attrs.activation);
    push(builtin_of(op), op.inputs, op.outputs).builtin_options.Set(options);
  }

  template <typename Options>
  void write_binary(const Op& op, Options options) {
    options.fused_activation_function = fused(op.as<BinaryAttrs>().activation);
    push(builtin_of(op), op.inputs, op.outputs).builtin_options.Set(std::move(options));
  }

  template <typename Options>
  void write_plain(const Op& op, std::vector<TensorId> inputs, Options options) {
    push(builtin_of(op), std::move(inputs), op.outputs).builtin_options.Set(std::move(options));
  }

  void write_pad(const Op& op) {
    const auto& attrs = op.as<PadAttrs>();
    const Tensor& x = graph_.input(op, 0);
    std::vector<int32_t> amounts;
    for (size_t i = 0; i < attrs.before.size(); ++i) {
      amounts.push_back(attrs.before[i]);
      amounts.push_back(attrs.after[i]);
    }
    std::vector<TensorId> inputs = {
        op.inputs[0],
        add_ints(x.name + "/paddings", amounts, {static_cast<int32_t>(attrs.before.size()), 2})};
    if (!attrs.has_value) return write_plain(op, inputs, tflite::PadOptionsT{});
    Tensor value;
    value.name = x.name + "/value";
    value.shape = {1};
    value.quantization = x.quantization;
    value.data = std::make_shared<const std::vector<uint8_t>>(1, static_cast<uint8_t>(attrs.value));
    inputs.push_back(add_tensor(value));
    write_plain(op, inputs, tflite::PadV2OptionsT{});
  }

  void write_split(const Op& op) {
    const int32_t axis = op.as<AxisAttrs>().axis;
    const std::string& name = graph_.input(op, 0).name;
    std::vector<int32_t> sizes;
    for (const TensorId id : op.outputs)
      sizes.push_back(graph_.tensor(id).shape[static_cast<size_t>(axis)]);
    tflite::SplitVOptionsT options;
    options.num_splits = static_cast<int32_t>(op.outputs.size());
    const TensorId size_tensor = add_ints(name + "/sizes", sizes);
    const TensorId axis_tensor = add_ints(name + "/axis", {axis}, {1});
    write_plain(op, {op.inputs[0], size_tensor, axis_tensor}, options);
  }

  void write_strided_slice(const Op& op) {
    const auto& attrs = op.as<StridedSliceAttrs>();
    const std::string& name = graph_.input(op, 0).name;
    tflite::StridedSliceOptionsT options;
    std::vector<int32_t> end;
    for (size_t i = 0; i < attrs.begin.size(); ++i) {
      end.push_back(attrs.begin[i] + (attrs.size[i] - 1) * attrs.stride[i] +
                    (attrs.stride[i] > 0 ? 1 : -1));
      if (end.back() < 0) options.end_mask |= 1 << i;  // -1 would mean the last element
    }
    const size_t rank = graph_.output(op).shape.size();
    for (size_t i = 0, dropped = attrs.size.size() - std::min(rank, attrs.size.size());
         i < attrs.size.size() && dropped > 0; ++i) {
      if (attrs.size[i] != 1) continue;
      options.shrink_axis_mask |= 1 << i;
      --dropped;
    }
    const TensorId begin_tensor = add_ints(name + "/begin", attrs.begin);
    const TensorId end_tensor = add_ints(name + "/end", end);
    const TensorId stride_tensor = add_ints(name + "/strides", attrs.stride);
    write_plain(op, {op.inputs[0], begin_tensor, end_tensor, stride_tensor}, options);
  }

  void add_operator(const Op& op) {
    const std::string& name = graph_.input(op, 0).name;
    switch (op.kind) {
      case OpKind::Conv2D:
        return write_conv(op, tflite::Conv2DOptionsT{});
      case OpKind::DepthwiseConv2D: {
        tflite::DepthwiseConv2DOptionsT options;
        options.depth_multiplier = graph_.input(op, 1).shape[3] / graph_.input(op, 0).shape[3];
        return write_conv(op, options);
      }
      case OpKind::FullyConnected: {
        tflite::FullyConnectedOptionsT options;
        options.fused_activation_function = fused(op.as<FullyConnectedAttrs>().activation);
        options.keep_num_dims = op.as<FullyConnectedAttrs>().keep_num_dims;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::Add:
        return write_binary(op, tflite::AddOptionsT{});
      case OpKind::Sub:
        return write_binary(op, tflite::SubOptionsT{});
      case OpKind::Mul:
        return write_binary(op, tflite::MulOptionsT{});
      case OpKind::Minimum:
      case OpKind::Maximum:
        return write_plain(op, op.inputs, tflite::MaximumMinimumOptionsT{});
      case OpKind::AveragePool2D:
      case OpKind::MaxPool2D:
        return write_pool(op);
      case OpKind::Mean: {
        tflite::ReducerOptionsT options;
        options.keep_dims = op.as<ReduceAttrs>().keep_dims;
        return write_plain(op, {op.inputs[0], add_ints(name + "/axes", op.as<ReduceAttrs>().axes)},
                           options);
      }
      case OpKind::Softmax: {
        tflite::SoftmaxOptionsT options;
        options.beta = op.as<SoftmaxAttrs>().beta;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::LeakyRelu: {
        tflite::LeakyReluOptionsT options;
        options.alpha = op.as<LeakyReluAttrs>().alpha;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::HardSwish:
        return write_plain(op, op.inputs, tflite::HardSwishOptionsT{});
      case OpKind::Abs:
        return write_plain(op, op.inputs, tflite::AbsOptionsT{});
      case OpKind::Quantize:
        return write_plain(op, op.inputs, tflite::QuantizeOptionsT{});
      case OpKind::Dequantize:
        return write_plain(op, op.inputs, tflite::DequantizeOptionsT{});
      case OpKind::Logistic:
      case OpKind::Tanh:
      case OpKind::Relu:
      case OpKind::Relu6:
      case OpKind::ReluN1To1:
      case OpKind::Elu:
        push(builtin_of(op), op.inputs, op.outputs);
        return;
      case OpKind::Pad:
        return write_pad(op);
      case OpKind::Reshape: {
        tflite::ReshapeOptionsT options;
        options.new_shape = graph_.output(op).shape;
        return write_plain(op, {op.inputs[0], add_ints(name + "/shape", graph_.output(op).shape)},
                           options);
      }
      case OpKind::Transpose:
        return write_plain(
            op,
            {op.inputs[0], add_ints(name + "/permutation", op.as<TransposeAttrs>().permutation)},
            tflite::TransposeOptionsT{});
      case OpKind::Concatenation: {
        tflite::ConcatenationOptionsT options;
        options.axis = op.as<AxisAttrs>().axis;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::Split:
        return write_split(op);
      case OpKind::StridedSlice:
        return write_strided_slice(op);
      case OpKind::Pack: {
        tflite::PackOptionsT options;
        options.axis = op.as<AxisAttrs>().axis;
        options.values_count = static_cast<int32_t>(op.inputs.size());
        return write_plain(op, op.inputs, options);
      }
      case OpKind::Unpack: {
        tflite::UnpackOptionsT options;
        options.axis = op.as<AxisAttrs>().axis;
        options.num = static_cast<int32_t>(op.outputs.size());
        return write_plain(op, op.inputs, options);
      }
      case OpKind::DepthToSpace: {
        tflite::DepthToSpaceOptionsT options;
        options.block_size = op.as<BlockAttrs>().block;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::SpaceToDepth: {
        tflite::SpaceToDepthOptionsT options;
        options.block_size = op.as<BlockAttrs>().block;
        return write_plain(op, op.inputs, options);
      }
      case OpKind::ResizeNearestNeighbor: {
        const Shape& out = graph_.output(op).shape;
        tflite::ResizeNearestNeighborOptionsT options;
        options.align_corners = op.as<ResizeAttrs>().align_corners;
        options.half_pixel_centers = op.as<ResizeAttrs>().half_pixel_centers;
        return write_plain(op, {op.inputs[0], add_ints(name + "/size", {out[1], out[2]})}, options);
      }
    }
  }

  const Graph& graph_;
  tflite::ModelT model_;
  std::unique_ptr<tflite::SubGraphT> subgraph_;
  std::map<Builtin, uint32_t> codes_;
};

}  // namespace

std::vector<uint8_t> write_tflite(const Graph& graph) { return Writer(graph).write(); }

}  // namespace mcunet
