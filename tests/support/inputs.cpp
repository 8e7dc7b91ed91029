#include "tests/support/inputs.h"

#include <cstring>
#include <sstream>
#include <type_traits>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/random.h"

namespace mcunet::testing {
namespace {

void append_element(std::vector<uint8_t>& bytes, DType dtype, Xorshift32& stream) {
  if (dtype == DType::Float32) {
    const float value = stream.next_float();
    uint8_t raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.insert(bytes.end(), raw, raw + sizeof value);
  } else if (dtype == DType::UInt8) {
    bytes.push_back(stream.next_uint8());
  } else {
    bytes.push_back(static_cast<uint8_t>(stream.next_int8()));
  }
}

std::string tensor_text(const Graph& graph, TensorId id) {
  const Tensor& tensor = graph.tensor(id);
  std::ostringstream out;
  out << '%' << id << ' ' << (tensor.is_constant() ? "const " : "") << dtype_name(tensor.dtype)
      << ' ' << to_string(tensor.shape);
  const Quantization& q = tensor.quantization;
  if (q.scales.size() == 1) out << " (" << q.scale() << ", " << q.zero_point() << ')';
  if (q.per_axis()) out << " (" << q.scales.size() << " scales)";
  return out.str();
}

std::string list(const std::vector<int32_t>& values) {
  std::string out = "[";
  for (const int32_t value : values) out += (out.size() > 1 ? " " : "") + std::to_string(value);
  return out + "]";
}

struct AttrText {
  std::ostringstream out;
  void operator()(const std::monostate&) {}
  void operator()(const ConvAttrs& a) {
    out << " stride " << a.stride_h << ',' << a.stride_w << " dilation " << a.dilation_h << ','
        << a.dilation_w << " pad " << a.padding.top << ',' << a.padding.left << ','
        << a.padding.bottom << ',' << a.padding.right << " act " << static_cast<int>(a.activation)
        << (a.planar_input ? " planar" : "");
  }
  void operator()(const FullyConnectedAttrs& a) {
    out << " act " << static_cast<int>(a.activation) << (a.keep_num_dims ? " keep" : "");
  }
  void operator()(const BinaryAttrs& a) { out << " act " << static_cast<int>(a.activation); }
  void operator()(const PoolAttrs& a) {
    out << " filter " << a.filter_h << ',' << a.filter_w << " stride " << a.stride_h << ','
        << a.stride_w << " pad " << a.padding.top << ',' << a.padding.left << ','
        << a.padding.bottom << ',' << a.padding.right << " act " << static_cast<int>(a.activation);
  }
  void operator()(const ReduceAttrs& a) {
    out << " axes " << list(a.axes) << (a.keep_dims ? " keep" : "");
  }
  void operator()(const SoftmaxAttrs& a) { out << " beta " << a.beta; }
  void operator()(const LeakyReluAttrs& a) { out << " alpha " << a.alpha; }
  void operator()(const PadAttrs& a) {
    out << ' ' << list(a.before) << ' ' << list(a.after);
    if (a.has_value) out << " value " << int{a.value};
  }
  void operator()(const TransposeAttrs& a) { out << ' ' << list(a.permutation); }
  void operator()(const AxisAttrs& a) { out << " axis " << a.axis; }
  void operator()(const StridedSliceAttrs& a) {
    out << ' ' << list(a.begin) << ' ' << list(a.stride) << ' ' << list(a.size);
  }
  void operator()(const BlockAttrs& a) { out << " block " << a.block; }
  void operator()(const ResizeAttrs& a) {
    out << (a.align_corners ? " align" : "") << (a.half_pixel_centers ? " half" : "");
  }
};

}  // namespace

std::vector<std::vector<uint8_t>> golden_inputs(const Graph& graph, uint32_t seed) {
  Xorshift32 stream(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (const TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    std::vector<uint8_t> bytes;
    bytes.reserve(tensor.byte_size());
    for (int64_t i = 0; i < tensor.elements(); ++i) append_element(bytes, tensor.dtype, stream);
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

std::vector<uint8_t> concatenated(const std::vector<std::vector<uint8_t>>& buffers) {
  std::vector<uint8_t> bytes;
  for (const auto& buffer : buffers) bytes.insert(bytes.end(), buffer.begin(), buffer.end());
  return bytes;
}

std::string describe(const Graph& graph) {
  std::ostringstream out;
  out << graph.name << "\n  inputs";
  for (const TensorId id : graph.inputs) out << "  " << tensor_text(graph, id);
  out << '\n';
  for (const Op& op : graph.ops) {
    out << "  " << mcunet::describe(op) << ':';
    for (const TensorId id : op.inputs) out << "  " << tensor_text(graph, id);
    out << "  ->";
    for (const TensorId id : op.outputs) out << "  " << tensor_text(graph, id);
    AttrText text;
    std::visit(text, op.attrs);
    out << text.out.str() << '\n';
  }
  out << "  outputs";
  for (const TensorId id : graph.outputs) out << " %" << id;
  out << '\n';
  return out.str();
}

}  // namespace mcunet::testing
