#include "libmcunet/tflite/operator_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "libmcunet/graph/operators.h"
#include "libmcunet/tflite/operator_names.h"
#include "libmcunet/tflite/schema_generated.h"

namespace mcunet {
namespace {

using Builtin = tflite::BuiltinOperator;
using Ints = std::vector<int32_t>;

class OperatorReader {
 public:
  OperatorReader(ReadState& state, const tflite::Operator& table)
      : table_(table),
        graph_(state.graph),
        evaluated_(state.evaluated),
        corrupt_(state.corrupt),
        unsupported_(state.unsupported) {}

  void read(const tflite::OperatorCode& code, int32_t index) {
    Op op;
    op.source_index = index;
    Source source{table_, Builtin::CUSTOM, "", {}, {}};
    identify(source, code, index);
    if (!read_operands(source)) return;
    op.inputs = source.inputs;
    op.outputs = source.outputs;
    if (evaluates_to_constant(source)) return;
    if (!has_static_shapes(source) || !read_kind(source, op)) return;
    while (!op.inputs.empty() && op.inputs.back() < 0) op.inputs.pop_back();
    if (std::find(op.inputs.begin(), op.inputs.end(), -1) != op.inputs.end()) {
      refuse(source, "an optional input in the middle is left out");
      return;
    }
    graph_.ops.push_back(std::move(op));
  }

 private:
  // What is known while one operator is read.
  struct Source {
    const tflite::Operator& table;
    Builtin code;
    std::string place;                      // "op 3 CONV_2D"
    std::vector<TensorId> inputs, outputs;  // inputs may hold -1
  };

  template <typename T>
  const T* options(const Source& source) const {
    return source.table.template builtin_options_as<T>();
  }

  void refuse(const Source& source, const std::string& reason) {
    unsupported_.push_back(source.place + ": " + reason);
  }

  static void identify(Source& source, const tflite::OperatorCode& code, int32_t index) {
    const int32_t builtin = std::max<int32_t>(code.deprecated_builtin_code(), code.builtin_code());
    source.code = static_cast<Builtin>(builtin);
    source.place = "op " + std::to_string(index) + " " + tflite_operator_name(builtin);
    if (source.code == Builtin::CUSTOM && code.custom_code()) {
      source.place += " '" + code.custom_code()->str() + "'";
    }
  }

  bool read_operands(Source& source) {
    const size_t problems = corrupt_.size();
    if (source.table.inputs())
      source.inputs.assign(source.table.inputs()->begin(), source.table.inputs()->end());
    if (source.table.outputs())
      source.outputs.assign(source.table.outputs()->begin(), source.table.outputs()->end());
    for (const auto* ids : {&source.inputs, &source.outputs}) {
      for (const TensorId id : *ids) {
        const bool optional = id == -1 && ids == &source.inputs;
        if (!optional && (id < 0 || static_cast<size_t>(id) >= graph_.tensors.size())) {
          corrupt_.push_back(source.place + ": tensor index " + std::to_string(id) +
                             " is out of range");
        }
      }
    }
    if (source.outputs.empty()) corrupt_.push_back(source.place + ": has no outputs");
    return corrupt_.size() == problems;
  }

  // Shape inference and slices compute with extents, so this comes before them.
  bool has_static_shapes(const Source& source) {
    bool all = true;
    for (const auto* ids : {&source.inputs, &source.outputs}) {
      for (const TensorId id : *ids) {
        if (id < 0) continue;
        const Shape& shape = graph_.tensor(id).shape;
        const auto is_open = [](int32_t extent) { return extent < 1; };
        if (std::none_of(shape.begin(), shape.end(), is_open)) continue;
        refuse(source, "tensor " + std::to_string(id) + " '" + graph_.tensor(id).name +
                           "' has shape " + to_string(shape) +
                           ": dynamic and empty shapes are not supported");
        all = false;
      }
    }
    return all;
  }

  // Values of a small int32 or int64 tensor that is constant or was evaluated.
  std::optional<Ints> known_ints(TensorId id) const {
    const auto evaluated = evaluated_.find(id);
    if (evaluated != evaluated_.end()) return evaluated->second;
    if (id < 0) return std::nullopt;
    const Tensor& tensor = graph_.tensor(id);
    if (!tensor.is_constant() || tensor.data->size() % dtype_size(tensor.dtype) != 0 ||
        tensor.data->size() > 4096)
      return std::nullopt;
    Ints values;
    const size_t count = tensor.data->size() / dtype_size(tensor.dtype);
    for (size_t i = 0; i < count; ++i) {
      if (tensor.dtype == DType::Int32) {
        int32_t value;
        std::memcpy(&value, tensor.data->data() + i * 4, 4);
        values.push_back(value);
      } else if (tensor.dtype == DType::Int64) {
        int64_t value;
        std::memcpy(&value, tensor.data->data() + i * 8, 8);
        if (value < INT32_MIN || value > INT32_MAX) return std::nullopt;
        values.push_back(static_cast<int32_t>(value));
      } else {
        return std::nullopt;
      }
    }
    return values;
  }

  // The parameter tensor at input `i`; refuses the operator when its values are not known.
  std::optional<Ints> parameter(const Source& source, size_t i, const char* what) {
    if (i < source.inputs.size()) {
      if (std::optional<Ints> values = known_ints(source.inputs[i])) return values;
    }
    refuse(source, std::string(what) + " must be constant int32 or int64 values");
    return std::nullopt;
  }

  static bool is_shape_arithmetic(Builtin code) {
    return code == Builtin::STRIDED_SLICE || code == Builtin::SLICE || code == Builtin::PACK ||
           code == Builtin::CONCATENATION || code == Builtin::RESHAPE || code == Builtin::SQUEEZE ||
           code == Builtin::EXPAND_DIMS || code == Builtin::SHAPE;
  }

  // Evaluates what converters compute at run time although all shapes are static:
  //   SHAPE(x) → STRIDED_SLICE → PACK(…, 7, 7) → RESHAPE(y, ·)
  bool evaluates_to_constant(const Source& source) {
    if (!is_shape_arithmetic(source.code) || source.inputs.empty()) return false;
    const TensorId out = source.outputs.front();
    if (source.code == Builtin::SHAPE) {
      if (source.inputs[0] < 0) return false;
      evaluated_[out] = graph_.tensor(source.inputs[0]).shape;
      return true;
    }
    if (source.inputs[0] < 0) return false;
    const DType dtype = graph_.tensor(source.inputs[0]).dtype;
    if (dtype != DType::Int32 && dtype != DType::Int64) return false;
    std::vector<Ints> values;
    const bool all_inputs = source.code == Builtin::PACK || source.code == Builtin::CONCATENATION;
    for (size_t i = 0; i < (all_inputs ? source.inputs.size() : 1); ++i) {
      const std::optional<Ints> known = known_ints(source.inputs[i]);
      if (!known) return false;
      values.push_back(*known);
    }
    if (values[0].empty()) return false;
    Ints result;
    if (source.code == Builtin::STRIDED_SLICE || source.code == Builtin::SLICE) {
      Op slice;
      Tensor vector;
      vector.shape = {static_cast<int32_t>(values[0].size())};
      const bool read = source.code == Builtin::SLICE
                            ? read_slice(source, vector.shape, slice)
                            : read_strided_slice(source, vector.shape, slice);
      if (!read) return true;  // refused with a reason
      const auto& attrs = slice.as<StridedSliceAttrs>();
      for (int32_t i = 0; i < attrs.size[0]; ++i) {
        const int64_t index = attrs.begin[0] + static_cast<int64_t>(i) * attrs.stride[0];
        if (index < 0 || static_cast<size_t>(index) >= values[0].size()) {
          corrupt_.push_back(source.place + ": the slice leaves its vector");
          return true;
        }
        result.push_back(values[0][static_cast<size_t>(index)]);
      }
    } else {
      for (const Ints& part : values) result.insert(result.end(), part.begin(), part.end());
    }
    if (result.size() > 1024) return false;
    evaluated_[out] = std::move(result);
    return true;
  }

  static std::optional<Activation> activation_of(tflite::FusedActivation fused) {
    switch (fused) {
      case tflite::FusedActivation::NONE:
        return Activation::None;
      case tflite::FusedActivation::RELU:
        return Activation::Relu;
      case tflite::FusedActivation::RELU_N1_TO_1:
        return Activation::ReluN1To1;
      case tflite::FusedActivation::RELU6:
        return Activation::Relu6;
      default:
        return std::nullopt;
    }
  }

  template <typename Options>
  bool read_activation(const Source& source, const Options* table, Activation& activation) {
    if (!table) return true;
    const std::optional<Activation> known = activation_of(table->fused_activation_function());
    if (!known) {
      refuse(source, std::string("fused activation ") +
                         tflite::EnumNameFusedActivation(table->fused_activation_function()) +
                         "; supported: NONE, RELU, RELU_N1_TO_1, RELU6");
      return false;
    }
    activation = *known;
    return true;
  }

  bool has_inputs(const Source& source, size_t count) {
    if (source.inputs.size() >= count &&
        std::all_of(source.inputs.begin(),
                    source.inputs.begin() + static_cast<std::ptrdiff_t>(count),
                    [](TensorId id) { return id >= 0; })) {
      return true;
    }
    corrupt_.push_back(source.place + ": has fewer than " + std::to_string(count) + " inputs");
    return false;
  }

  bool read_kind(const Source& source, Op& op) {
    switch (source.code) {
      case Builtin::CONV_2D:
        return read_conv(source, op);
      case Builtin::DEPTHWISE_CONV_2D:
        return read_depthwise(source, op);
      case Builtin::FULLY_CONNECTED:
        return read_fully_connected(source, op);
      case Builtin::ADD:
        return read_binary(source, op, OpKind::Add, options<tflite::AddOptions>(source));
      case Builtin::SUB:
        return read_binary(source, op, OpKind::Sub, options<tflite::SubOptions>(source));
      case Builtin::MUL:
        return read_binary(source, op, OpKind::Mul, options<tflite::MulOptions>(source));
      case Builtin::MINIMUM:
        return set(op, OpKind::Minimum, BinaryAttrs{});
      case Builtin::MAXIMUM:
        return set(op, OpKind::Maximum, BinaryAttrs{});
      case Builtin::AVERAGE_POOL_2D:
        return read_pool(source, op, OpKind::AveragePool2D);
      case Builtin::MAX_POOL_2D:
        return read_pool(source, op, OpKind::MaxPool2D);
      case Builtin::MEAN:
        return read_mean(source, op);
      case Builtin::SOFTMAX: {
        const auto* table = options<tflite::SoftmaxOptions>(source);
        return set(op, OpKind::Softmax, SoftmaxAttrs{table ? table->beta() : 1.0f});
      }
      case Builtin::LOGISTIC:
        return set(op, OpKind::Logistic, std::monostate{});
      case Builtin::TANH:
        return set(op, OpKind::Tanh, std::monostate{});
      case Builtin::RELU:
        return set(op, OpKind::Relu, std::monostate{});
      case Builtin::RELU6:
        return set(op, OpKind::Relu6, std::monostate{});
      case Builtin::RELU_N1_TO_1:
        return set(op, OpKind::ReluN1To1, std::monostate{});
      case Builtin::HARD_SWISH:
        return set(op, OpKind::HardSwish, std::monostate{});
      case Builtin::ELU:
        return set(op, OpKind::Elu, std::monostate{});
      case Builtin::ABS:
        return set(op, OpKind::Abs, std::monostate{});
      case Builtin::LEAKY_RELU: {
        const auto* table = options<tflite::LeakyReluOptions>(source);
        return set(op, OpKind::LeakyRelu, LeakyReluAttrs{table ? table->alpha() : 0.0f});
      }
      case Builtin::PAD:
      case Builtin::PADV2:
        return read_pad(source, op);
      case Builtin::RESHAPE:
      case Builtin::SQUEEZE:
      case Builtin::EXPAND_DIMS:
        return read_reshape(source, op);
      case Builtin::TRANSPOSE:
        return read_transpose(source, op);
      case Builtin::CONCATENATION:
        return read_concatenation(source, op);
      case Builtin::SPLIT:
        return read_split(source, op, 1, 0);
      case Builtin::SPLIT_V:
        return read_split(source, op, 0, 2);
      case Builtin::STRIDED_SLICE: {
        if (!has_inputs(source, 1)) return false;
        return read_strided_slice(source, graph_.tensor(source.inputs[0]).shape, op);
      }
      case Builtin::SLICE: {
        if (!has_inputs(source, 1)) return false;
        return read_slice(source, graph_.tensor(source.inputs[0]).shape, op);
      }
      case Builtin::PACK: {
        if (!has_inputs(source, 1)) return false;
        const auto* table = options<tflite::PackOptions>(source);
        return set(op, OpKind::Pack,
                   AxisAttrs{wrap_axis(table ? table->axis() : 0, rank(source.inputs[0]) + 1)});
      }
      case Builtin::UNPACK: {
        if (!has_inputs(source, 1)) return false;
        const auto* table = options<tflite::UnpackOptions>(source);
        return set(op, OpKind::Unpack,
                   AxisAttrs{wrap_axis(table ? table->axis() : 0, rank(source.inputs[0]))});
      }
      case Builtin::DEPTH_TO_SPACE: {
        const auto* table = options<tflite::DepthToSpaceOptions>(source);
        return set(op, OpKind::DepthToSpace, BlockAttrs{table ? table->block_size() : 0});
      }
      case Builtin::SPACE_TO_DEPTH: {
        const auto* table = options<tflite::SpaceToDepthOptions>(source);
        return set(op, OpKind::SpaceToDepth, BlockAttrs{table ? table->block_size() : 0});
      }
      case Builtin::RESIZE_NEAREST_NEIGHBOR:
        return read_resize(source, op);
      case Builtin::QUANTIZE:
        return set(op, OpKind::Quantize, std::monostate{});
      case Builtin::DEQUANTIZE:
        return set(op, OpKind::Dequantize, std::monostate{});
      default:
        refuse(source, "operator not supported (docs/operators.md lists those that are)");
        return false;
    }
  }

  static bool set(Op& op, OpKind kind, OpAttrs attrs) {
    op.kind = kind;
    op.attrs = std::move(attrs);
    return true;
  }

  size_t rank(TensorId id) const { return graph_.tensor(id).shape.size(); }
  static int32_t wrap_axis(int32_t axis, size_t rank) {
    return axis < 0 ? axis + static_cast<int32_t>(rank) : axis;
  }

  // Spatial padding from the scheme, for x [n,h,w,c].
  template <typename Options>
  static SpatialPadding padding_of(const Options& table, const Shape& x, int32_t kernel_h,
                                   int32_t kernel_w, int32_t stride_h, int32_t stride_w,
                                   int32_t dilation_h, int32_t dilation_w) {
    if (table.padding() != tflite::PaddingScheme::SAME) return {};
    const PaddingPair h = same_padding(x[1], kernel_h, stride_h, dilation_h);
    const PaddingPair w = same_padding(x[2], kernel_w, stride_w, dilation_w);
    return {h.before, w.before, h.after, w.after};
  }

  // Strides, kernels and dilations beyond this are nonsense and would overflow index arithmetic.
  static bool sane(std::initializer_list<int32_t> values) {
    return std::all_of(values.begin(), values.end(),
                       [](int32_t v) { return v >= 1 && v <= 32767; });
  }

  template <typename Options>
  bool read_window(const Source& source, const Options* table, Op& op, OpKind kind) {
    if (!has_inputs(source, 2)) return false;
    if (!table) {
      corrupt_.push_back(source.place + ": options are missing");
      return false;
    }
    const Shape& x = graph_.tensor(source.inputs[0]).shape;
    const Shape& w = graph_.tensor(source.inputs[1]).shape;
    if (x.size() != 4 || w.size() != 4 ||
        !sane({x[1], x[2], w[1], w[2], table->stride_h(), table->stride_w(),
               table->dilation_h_factor(), table->dilation_w_factor()})) {
      corrupt_.push_back(source.place + ": input " + to_string(x) + ", weights " + to_string(w) +
                         ", strides or dilations are out of range");
      return false;
    }
    ConvAttrs attrs;
    attrs.stride_h = table->stride_h();
    attrs.stride_w = table->stride_w();
    attrs.dilation_h = table->dilation_h_factor();
    attrs.dilation_w = table->dilation_w_factor();
    attrs.padding = padding_of(*table, x, w[1], w[2], attrs.stride_h, attrs.stride_w,
                               attrs.dilation_h, attrs.dilation_w);
    if (!read_activation(source, table, attrs.activation)) return false;
    return constant_weights(source) && set(op, kind, attrs);
  }

  bool constant_weights(const Source& source) {
    for (size_t i = 1; i < source.inputs.size() && i < 3; ++i) {
      if (source.inputs[i] >= 0 && !graph_.tensor(source.inputs[i]).is_constant()) {
        refuse(source, i == 1 ? "weights must be constant" : "bias must be constant");
        return false;
      }
    }
    return true;
  }

  bool read_conv(const Source& source, Op& op) {
    return read_window(source, options<tflite::Conv2DOptions>(source), op, OpKind::Conv2D);
  }

  bool read_depthwise(const Source& source, Op& op) {
    return read_window(source, options<tflite::DepthwiseConv2DOptions>(source), op,
                       OpKind::DepthwiseConv2D);
  }

  bool read_fully_connected(const Source& source, Op& op) {
    if (!has_inputs(source, 2)) return false;
    const auto* table = options<tflite::FullyConnectedOptions>(source);
    FullyConnectedAttrs attrs;
    if (!read_activation(source, table, attrs.activation)) return false;
    if (table && table->weights_format() != tflite::WeightsFormat::DEFAULT) {
      refuse(source, "shuffled weights");
      return false;
    }
    attrs.keep_num_dims = table && table->keep_num_dims();
    return constant_weights(source) && set(op, OpKind::FullyConnected, attrs);
  }

  template <typename Options>
  bool read_binary(const Source& source, Op& op, OpKind kind, const Options* table) {
    BinaryAttrs attrs;
    return read_activation(source, table, attrs.activation) && set(op, kind, attrs);
  }

  bool read_pool(const Source& source, Op& op, OpKind kind) {
    if (!has_inputs(source, 1)) return false;
    const auto* table = options<tflite::Pool2DOptions>(source);
    const Shape& x = graph_.tensor(source.inputs[0]).shape;
    if (!table || x.size() != 4 ||
        !sane({x[1], x[2], table->filter_height(), table->filter_width(), table->stride_h(),
               table->stride_w()})) {
      corrupt_.push_back(source.place + ": input " + to_string(x) +
                         ", filter or strides are out of range");
      return false;
    }
    PoolAttrs attrs;
    attrs.filter_h = table->filter_height();
    attrs.filter_w = table->filter_width();
    attrs.stride_h = table->stride_h();
    attrs.stride_w = table->stride_w();
    attrs.padding =
        padding_of(*table, x, attrs.filter_h, attrs.filter_w, attrs.stride_h, attrs.stride_w, 1, 1);
    return read_activation(source, table, attrs.activation) && set(op, kind, attrs);
  }

  bool read_mean(const Source& source, Op& op) {
    if (!has_inputs(source, 2)) return false;
    const std::optional<Ints> axes = parameter(source, 1, "axes");
    if (!axes) return false;
    std::set<int32_t> sorted;
    for (const int32_t axis : *axes) sorted.insert(wrap_axis(axis, rank(source.inputs[0])));
    const auto* table = options<tflite::ReducerOptions>(source);
    op.inputs.resize(1);
    return set(op, OpKind::Mean,
               ReduceAttrs{{sorted.begin(), sorted.end()}, table && table->keep_dims()});
  }

  bool read_pad(const Source& source, Op& op) {
    if (!has_inputs(source, 2)) return false;
    const std::optional<Ints> paddings = parameter(source, 1, "paddings");
    if (!paddings) return false;
    if (paddings->size() != 2 * rank(source.inputs[0])) {
      corrupt_.push_back(source.place + ": paddings do not fit the input");
      return false;
    }
    PadAttrs attrs;
    for (size_t i = 0; i < paddings->size(); i += 2) {
      attrs.before.push_back((*paddings)[i]);
      attrs.after.push_back((*paddings)[i + 1]);
    }
    if (source.code == Builtin::PADV2) {
      if (!has_inputs(source, 3)) return false;
      const Tensor& value = graph_.tensor(source.inputs[2]);
      if (!value.is_constant() || value.dtype != DType::Int8 || value.data->empty()) {
        refuse(source, "the padding value must be a constant int8");
        return false;
      }
      attrs.has_value = true;
      attrs.value = static_cast<int8_t>(value.data->front());
    }
    op.inputs.resize(1);
    return set(op, OpKind::Pad, attrs);
  }

  bool read_reshape(const Source& source, Op& op) {
    if (!has_inputs(source, 1)) return false;
    op.inputs.resize(1);  // the output's shape is static, whatever computed it
    return set(op, OpKind::Reshape, std::monostate{});
  }

  bool read_transpose(const Source& source, Op& op) {
    if (!has_inputs(source, 2)) return false;
    const std::optional<Ints> permutation = parameter(source, 1, "the permutation");
    if (!permutation) return false;
    TransposeAttrs attrs;
    for (const int32_t axis : *permutation)
      attrs.permutation.push_back(wrap_axis(axis, rank(source.inputs[0])));
    op.inputs.resize(1);
    return set(op, OpKind::Transpose, attrs);
  }

  bool read_concatenation(const Source& source, Op& op) {
    if (!has_inputs(source, 1)) return false;
    const auto* table = options<tflite::ConcatenationOptions>(source);
    Activation activation = Activation::None;
    if (!read_activation(source, table, activation)) return false;
    if (activation != Activation::None) {
      refuse(source, "fused activation");
      return false;
    }
    return set(op, OpKind::Concatenation,
               AxisAttrs{wrap_axis(table ? table->axis() : 0, rank(source.inputs[0]))});
  }

  bool read_split(const Source& source, Op& op, size_t data_input, size_t axis_input) {
    if (!has_inputs(source, std::max(data_input, axis_input) + 1)) return false;
    const std::optional<Ints> axis = parameter(source, axis_input, "the axis");
    if (!axis || axis->empty()) return false;
    const TensorId data = source.inputs[data_input];
    op.inputs = {data};
    return set(op, OpKind::Split, AxisAttrs{wrap_axis(axis->front(), rank(data))});
  }

  bool read_strided_slice(const Source& source, const Shape& x, Op& op) {
    const std::optional<Ints> begin = parameter(source, 1, "begin");
    const std::optional<Ints> end = parameter(source, 2, "end");
    const std::optional<Ints> strides = parameter(source, 3, "strides");
    if (!begin || !end || !strides) return false;
    const auto* table = options<tflite::StridedSliceOptions>(source);
    if (table && (table->ellipsis_mask() != 0 || table->new_axis_mask() != 0 || table->offset())) {
      refuse(source, "ellipsis, new-axis and offset masks");
      return false;
    }
    const size_t given = begin->size();
    if (end->size() != given || strides->size() != given || given > x.size()) {
      corrupt_.push_back(source.place + ": begin, end and strides do not fit " + to_string(x));
      return false;
    }
    StridedSliceAttrs attrs;
    for (size_t i = 0; i < x.size(); ++i) {
      const int32_t extent = x[i];
      if (i >= given) {
        attrs.begin.push_back(0);
        attrs.stride.push_back(1);
        attrs.size.push_back(extent);
        continue;
      }
      const int64_t stride = (*strides)[i];
      if (stride == 0) {
        corrupt_.push_back(source.place + ": a stride is 0");
        return false;
      }
      const auto masked = [&](int32_t mask) { return i < 31 && ((mask >> i) & 1) != 0; };
      // As in Python: negative positions count from the end, everything is clamped to the extent.
      const auto clamp = [&](int64_t position) {
        if (position < 0) position += extent;
        return stride > 0 ? std::clamp<int64_t>(position, 0, extent)
                          : std::clamp<int64_t>(position, -1, extent - 1);
      };
      int64_t first = clamp((*begin)[i]);
      int64_t last = clamp((*end)[i]);
      if (table && masked(table->begin_mask())) first = stride > 0 ? 0 : extent - 1;
      if (table && masked(table->end_mask())) last = stride > 0 ? extent : -1;
      int64_t size =
          stride > 0 ? (last - first + stride - 1) / stride : (first - last - stride - 1) / -stride;
      if (table && masked(table->shrink_axis_mask())) size = 1;
      if (size < 1) {
        refuse(source, "the slice is empty");
        return false;
      }
      attrs.begin.push_back(static_cast<int32_t>(first));
      attrs.stride.push_back(static_cast<int32_t>(stride));
      attrs.size.push_back(static_cast<int32_t>(size));
    }
    op.inputs.resize(1);
    return set(op, OpKind::StridedSlice, attrs);
  }

  bool read_slice(const Source& source, const Shape& x, Op& op) {
    const std::optional<Ints> begin = parameter(source, 1, "begin");
    const std::optional<Ints> size = parameter(source, 2, "size");
    if (!begin || !size) return false;
    if (begin->size() != x.size() || size->size() != x.size()) {
      corrupt_.push_back(source.place + ": begin and size do not fit " + to_string(x));
      return false;
    }
    StridedSliceAttrs attrs;
    attrs.begin = *begin;
    attrs.stride.assign(x.size(), 1);
    for (size_t i = 0; i < x.size(); ++i) {
      if ((*begin)[i] < 0 || (*begin)[i] >= x[i]) {
        corrupt_.push_back(source.place + ": the slice begins outside of " + to_string(x));
        return false;
      }
      attrs.size.push_back((*size)[i] == -1 ? x[i] - (*begin)[i] : (*size)[i]);
    }
    op.inputs.resize(1);
    return set(op, OpKind::StridedSlice, attrs);
  }

  bool read_resize(const Source& source, Op& op) {
    if (!has_inputs(source, 2)) return false;
    const std::optional<Ints> size = parameter(source, 1, "the size");
    if (!size) return false;
    const Shape& out = graph_.tensor(source.outputs[0]).shape;
    if (size->size() != 2 || out.size() != 4 || out[1] != (*size)[0] || out[2] != (*size)[1]) {
      corrupt_.push_back(source.place + ": the size does not fit the output " + to_string(out));
      return false;
    }
    const auto* table = options<tflite::ResizeNearestNeighborOptions>(source);
    op.inputs.resize(1);
    return set(op, OpKind::ResizeNearestNeighbor,
               ResizeAttrs{table && table->align_corners(), table && table->half_pixel_centers()});
  }

  const tflite::Operator& table_;
  Graph& graph_;
  std::map<TensorId, Ints>& evaluated_;
  std::vector<std::string>&corrupt_, &unsupported_;
};

}  // namespace

void read_operator(ReadState& state, const tflite::Operator& table,
                   const tflite::OperatorCode& code, int32_t index) {
  OperatorReader(state, table).read(code, index);
}

}  // namespace mcunet
