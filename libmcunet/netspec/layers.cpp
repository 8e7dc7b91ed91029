#include "libmcunet/netspec/layers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/suggest.h"

namespace mcunet::netspec {
namespace {

constexpr int32_t kLargest = 1 << 16;  // number in a line

// A line, taken apart.
struct Line {
  std::string place, op;
  int32_t count = 0;  // channels, units, factor
  int32_t kernel_h = 0, kernel_w = 0, stride_h = 1, stride_w = 1;
  int32_t expanded = 0, squeezed = 0;
  bool plain = false;  // an inverted residual without its shortcut
  std::optional<ActivationFunction> activation;
  std::string from, with, as;
};

[[noreturn]] void fail(const std::string& place, const std::string& text) {
  throw Error(ErrorKind::Input, place + ": " + text);
}

int32_t number(const std::string& place, const std::string& text) {
  const bool digits =
      !text.empty() && text.size() <= 5 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const int32_t value = digits ? std::stoi(text) : 0;
  if (value < 1 || value > kLargest) fail(place, "'" + text + "' is no number from 1 to 65536");
  return value;
}

bool begins(const std::string& word, const std::string& start) {
  return word.compare(0, start.size(), start) == 0;
}

// "3" or "10x4", rows first.
void pair(const std::string& place, const std::string& text, int32_t& rows, int32_t& columns) {
  const size_t times = text.find('x');
  rows = number(place, text.substr(0, times));
  columns = times == std::string::npos ? rows : number(place, text.substr(times + 1));
}

void read_word(Line& line, const std::string& word) {
  for (const ActivationFunction known :
       {ActivationFunction::Relu, ActivationFunction::Relu6, ActivationFunction::HardSwish}) {
    if (word == activation_name(known)) {
      line.activation = known;
      return;
    }
  }
  if (word == "linear") {
    line.activation = ActivationFunction::None;
  } else if (begins(word, "from=")) {
    line.from = word.substr(5);
  } else if (begins(word, "with=")) {
    line.with = word.substr(5);
  } else if (begins(word, "as=")) {
    line.as = word.substr(3);
  } else if (begins(word, "se")) {
    line.squeezed = number(line.place, word.substr(2));
  } else if (word == "plain") {
    line.plain = true;
  } else if (begins(word, "k")) {
    pair(line.place, word.substr(1), line.kernel_h, line.kernel_w);
  } else if (begins(word, "s")) {
    pair(line.place, word.substr(1), line.stride_h, line.stride_w);
  } else if (begins(word, "e")) {
    line.expanded = number(line.place, word.substr(1));
  } else {
    line.count = number(line.place, word);
  }
}

Line read_line(const std::string& text, const std::string& place) {
  Line line;
  line.place = place;
  std::istringstream words(text);
  words >> line.op;
  std::string word;
  while (words >> word) read_word(line, word);
  return line;
}

struct Window {
  int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  SpatialPadding padding;
};

class LayerBuilder {
 public:
  LayerBuilder(const LayerNetwork& network, TensorSource& source, const BuildOptions& options,
               std::string place)
      : network_(network), source_(source), place_(std::move(place)) {
    graph_.name = options.name;
  }

  Graph build() {
    Tensor input;
    input.name = "input";
    input.shape = {1};
    input.shape.insert(input.shape.end(), network_.input.begin(), network_.input.end());
    source_.complete_input(input);
    TensorId x = graph_.add_tensor(std::move(input));
    graph_.inputs = {x};
    named_["input"] = x;
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const Line line =
          read_line(network_.layers[i], place_ + ": layers[" + std::to_string(i) + "]");
      name_ = line.as.empty() ? "layers." + std::to_string(i) : line.as;
      x = layer(line, line.from.empty() ? x : find(line.from, line.place));
      if (!line.as.empty() && !named_.emplace(line.as, x).second)
        fail(line.place, "there is a layer named '" + line.as + "' already");
    }
    if (network_.outputs.empty()) graph_.outputs = {x};
    for (const std::string& output : network_.outputs)
      graph_.outputs.push_back(find(output, place_ + ": outputs"));
    return std::move(graph_);
  }

 private:
  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }

  TensorId find(const std::string& name, const std::string& place) const {
    const auto entry = named_.find(name);
    if (entry != named_.end()) return entry->second;
    std::vector<std::string> names;
    for (const auto& [known, id] : named_) names.push_back(known);
    fail(place, "there is no layer named '" + name + "' before it" + did_you_mean(name, names));
  }

  TensorId layer(const Line& line, TensorId x) {
    const auto needs_count = [&] {
      if (line.count == 0) fail(line.place, line.op + " needs a number");
    };
    const auto needs_image = [&] {
      if (shape(x).size() != 4)
        fail(line.place, line.op + " needs an image, not " + to_string(shape(x)));
    };
    const ActivationFunction activation = line.activation.value_or(ActivationFunction::None);
    if (line.op == "conv" || line.op == "dw" || line.op == "ir" || line.op == "avgpool" ||
        line.op == "maxpool" || line.op == "upsample")
      needs_image();
    if (line.op == "conv" || line.op == "ir" || line.op == "upsample" || line.op == "dense")
      needs_count();
    if (line.op == "conv") return conv(x, line.count, window(line, x), activation, name_);
    if (line.op == "dw") return depthwise(x, window(line, x), activation, name_);
    if (line.op == "ir") return inverted(line, x);
    if (line.op == "add") return add(x, line);
    if (line.op == "avgpool" || line.op == "maxpool") return pool(x, line);
    if (line.op == "upsample") {
      const Shape& in = shape(x);
      return append(OpKind::ResizeNearestNeighbor, {x}, ResizeAttrs{}, name_,
                    {1, in[1] * line.count, in[2] * line.count, in[3]});
    }
    if (line.op == "flatten") return flatten(x);
    if (line.op == "dense") return dense(x, line.count, activation);
    if (line.op == "softmax") return append(OpKind::Softmax, {x}, SoftmaxAttrs{}, name_, shape(x));
    const std::vector<std::string> known = {"conv",    "dw",       "ir",      "add",   "avgpool",
                                            "maxpool", "upsample", "flatten", "dense", "softmax"};
    fail(line.place, "unknown layer '" + line.op + "'" + did_you_mean(line.op, known));
  }

  Window window(const Line& line, TensorId x) const {
    Window window;
    window.kernel_h = std::max(line.kernel_h, 1);
    window.kernel_w = std::max(line.kernel_w, 1);
    window.stride_h = line.stride_h;
    window.stride_w = line.stride_w;
    if (network_.same_padding) {
      const PaddingPair rows = same_padding(shape(x)[1], window.kernel_h, window.stride_h, 1);
      const PaddingPair columns = same_padding(shape(x)[2], window.kernel_w, window.stride_w, 1);
      window.padding = {rows.before, columns.before, rows.after, columns.after};
    } else {
      window.padding = {window.kernel_h / 2, window.kernel_w / 2, window.kernel_h / 2,
                        window.kernel_w / 2};
    }
    return window;
  }

  TensorId append(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, std::string name,
                  Shape output_shape) {
    Op op;
    op.kind = kind;
    op.inputs = std::move(inputs);
    op.attrs = std::move(attrs);
    op.source_index = static_cast<int32_t>(graph_.ops.size());
    Tensor output;
    output.name = std::move(name);
    output.shape = std::move(output_shape);
    source_.complete_output(graph_, op, output);
    op.outputs = {graph_.add_tensor(std::move(output))};
    graph_.ops.push_back(std::move(op));
    return graph_.ops.back().outputs.front();
  }

  std::vector<TensorId> with_weights(TensorId x, OpKind kind, Shape weights,
                                     const std::string& name) {
    WeightRequest request;
    request.kind = kind;
    request.shape = std::move(weights);
    request.name = name;
    request.bias = true;
    std::vector<TensorId> inputs = {x};
    for (Tensor& tensor : source_.weights(graph_, x, request))
      inputs.push_back(graph_.add_tensor(std::move(tensor)));
    return inputs;
  }

  TensorId windowed(OpKind kind, TensorId x, Shape weights, int32_t channels, const Window& window,
                    ActivationFunction activation, const std::string& name) {
    ConvAttrs attrs;
    attrs.stride_h = window.stride_h;
    attrs.stride_w = window.stride_w;
    attrs.padding = window.padding;
    attrs.activation = fused(activation);
    const int32_t rows = window_output(shape(x)[1], window.kernel_h, window.stride_h, 1,
                                       window.padding.top, window.padding.bottom);
    const int32_t columns = window_output(shape(x)[2], window.kernel_w, window.stride_w, 1,
                                          window.padding.left, window.padding.right);
    if (rows < 1 || columns < 1) fail(place_, name + ": the kernel is larger than the image");
    const Shape out = {1, rows, columns, channels};
    const TensorId y =
        append(kind, with_weights(x, kind, std::move(weights), name), attrs, name, out);
    if (activation != ActivationFunction::HardSwish) return y;
    return append(OpKind::HardSwish, {y}, std::monostate{}, name + ".act", out);
  }

  static Activation fused(ActivationFunction activation) {
    return activation == ActivationFunction::Relu    ? Activation::Relu
           : activation == ActivationFunction::Relu6 ? Activation::Relu6
                                                     : Activation::None;
  }

  TensorId conv(TensorId x, int32_t channels, const Window& window, ActivationFunction activation,
                const std::string& name) {
    return windowed(OpKind::Conv2D, x, {channels, window.kernel_h, window.kernel_w, shape(x)[3]},
                    channels, window, activation, name);
  }

  TensorId depthwise(TensorId x, const Window& window, ActivationFunction activation,
                     const std::string& name) {
    const int32_t channels = shape(x)[3];
    return windowed(OpKind::DepthwiseConv2D, x, {1, window.kernel_h, window.kernel_w, channels},
                    channels, window, activation, name);
  }

  TensorId inverted(const Line& line, TensorId x) {
    const std::string name = name_;
    const ActivationFunction activation = line.activation.value_or(ActivationFunction::Relu6);
    TensorId y = x;
    if (line.expanded != 0) y = conv(y, line.expanded, {}, activation, name + ".expand");
    y = depthwise(y, window(line, y), activation, name + ".depthwise");
    if (line.squeezed != 0) y = squeeze_excite(y, line.squeezed, name + ".se");
    y = conv(y, line.count, {}, ActivationFunction::None, name + ".project");
    if (line.plain || shape(x) != shape(y)) return y;
    return append(OpKind::Add, {y, x}, BinaryAttrs{}, name, shape(y));
  }

  // As in structure.cpp.
  TensorId squeeze_excite(TensorId x, int32_t squeezed, const std::string& name) {
    const int32_t channels = shape(x)[3];
    const Shape vector = {1, 1, 1, channels};
    PoolAttrs all;
    all.filter_h = shape(x)[1];
    all.filter_w = shape(x)[2];
    TensorId gate = append(OpKind::AveragePool2D, {x}, all, name + ".mean", vector);
    gate = conv(gate, squeezed, {}, ActivationFunction::Relu, name + ".reduce");
    gate = conv(gate, channels, {}, ActivationFunction::None, name + ".expand");
    const TensorId three = graph_.add_tensor(source_.scalar(3, name + ".three"));
    gate =
        append(OpKind::Add, {gate, three}, BinaryAttrs{Activation::Relu6}, name + ".relu6", vector);
    const TensorId sixth = graph_.add_tensor(source_.scalar(1.0 / 6, name + ".sixth"));
    gate = append(OpKind::Mul, {gate, sixth}, BinaryAttrs{}, name + ".h_sigmoid", vector);
    return append(OpKind::Mul, {x, gate}, BinaryAttrs{}, name, shape(x));
  }

  TensorId add(TensorId x, const Line& line) {
    if (line.with.empty()) fail(line.place, "add needs with=NAME");
    const TensorId other = find(line.with, line.place);
    if (shape(x) != shape(other))
      fail(line.place,
           to_string(shape(x)) + " and " + to_string(shape(other)) + " cannot be added");
    BinaryAttrs attrs;
    attrs.activation = fused(line.activation.value_or(ActivationFunction::None));
    return append(OpKind::Add, {x, other}, attrs, name_, shape(x));
  }

  TensorId pool(TensorId x, const Line& line) {
    const Shape& in = shape(x);
    PoolAttrs attrs;
    attrs.filter_h = line.kernel_h != 0 ? line.kernel_h : in[1];
    attrs.filter_w = line.kernel_w != 0 ? line.kernel_w : in[2];
    attrs.stride_h = line.stride_h;
    attrs.stride_w = line.stride_w;
    const int32_t rows = window_output(in[1], attrs.filter_h, attrs.stride_h, 1, 0, 0);
    const int32_t columns = window_output(in[2], attrs.filter_w, attrs.stride_w, 1, 0, 0);
    if (rows < 1 || columns < 1) fail(line.place, "the window is larger than the image");
    return append(line.op == "avgpool" ? OpKind::AveragePool2D : OpKind::MaxPool2D, {x}, attrs,
                  name_, {1, rows, columns, in[3]});
  }

  TensorId flatten(TensorId x) {
    const auto elements = static_cast<int32_t>(element_count(shape(x)));
    return append(OpKind::Reshape, {x}, std::monostate{}, name_, {1, elements});
  }

  TensorId dense(TensorId x, int32_t units, ActivationFunction activation) {
    FullyConnectedAttrs attrs;
    attrs.activation = fused(activation);
    const auto inputs = static_cast<int32_t>(element_count(shape(x)));
    return append(OpKind::FullyConnected,
                  with_weights(x, OpKind::FullyConnected, {units, inputs}, name_), attrs, name_,
                  {1, units});
  }

  const LayerNetwork& network_;
  TensorSource& source_;
  std::string place_, name_;
  Graph graph_;
  std::map<std::string, TensorId> named_;
};

}  // namespace

Graph build_layer_graph(const LayerNetwork& network, const BuildOptions& options,
                        const std::string& place) {
  Placeholders own;
  const std::unique_ptr<TensorSource> source =
      synthetic_source(options, options.placeholders == nullptr ? own : *options.placeholders);
  Graph graph = LayerBuilder(network, *source, options, place).build();
  validate(graph);
  return graph;
}

}  // namespace mcunet::netspec
