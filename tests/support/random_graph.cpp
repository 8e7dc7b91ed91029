#include "tests/support/random_graph.h"

#include <algorithm>
#include <set>

#include "libmcunet/graph/operators.h"
#include "tests/support/builder.h"

namespace mcunet::testing {
namespace {

constexpr int64_t kMaxElements = 10'000;  // of one tensor
constexpr int64_t kMaxTotal = 40'000;     // of all activations
constexpr int64_t kMaxMacs = 2'000'000;   // of the graph
constexpr size_t kMaxRank = 5;            // what every kernel can do
constexpr size_t kMaxOutputs = 6;

class RandomGraph {
 public:
  enum class Flavour { Everything, Rows };

  RandomGraph(uint64_t seed, Flavour flavour)
      : build_((flavour == Flavour::Rows ? "rows_" : "random_") + std::to_string(seed), seed),
        random_(build_.random()),
        flavour_(flavour),
        int4_(seed % 4 == 3) {}

  Graph make() {
    build_.weights.per_channel = random_.chance(0.75);
    build_.weights.bias = random_.chance(0.85);
    if (random_.chance(0.2)) build_.weights.negative = 0.2;
    if (random_.chance(0.2)) build_.weights.tiny = 0.2;
    if (random_.chance(0.3)) build_.extreme_zeros = 0.4;
    if (int4_) build_.weights.int4 = 0.6;
    if (flavour_ == Flavour::Rows) {
      add_images();
      const int64_t steps = random_.between(2, 9);
      for (int64_t i = 0; i < steps; ++i) add_row_step();
      return build_.build(choose_outputs());
    }
    const int64_t inputs = random_.chance(0.75) ? 1 : random_.between(2, 3);
    for (int64_t i = 0; i < inputs; ++i) add_input();
    const int64_t steps = random_.between(1, 10);
    for (int64_t i = 0; i < steps; ++i) add_step();
    return build_.build(choose_outputs());
  }

 private:
  // ---- choices
  // -----------------------------------------------------------------------------------

  int32_t number(int64_t low, int64_t high) {
    return static_cast<int32_t>(random_.between(low, high));
  }
  bool chance(double p) { return random_.chance(p); }
  template <typename T>
  T one_of(const std::vector<T>& values) {
    return values[static_cast<size_t>(random_.below(values.size()))];
  }

  float scale() { return random_.uniform(0.002f, 0.1f); }
  int32_t zero_point() {
    return chance(0.25) ? one_of<int32_t>({-128, 127, 0}) : number(-128, 127);
  }
  Activation activation() {
    return one_of<Activation>(
        {Activation::None, Activation::Relu, Activation::Relu6, Activation::ReluN1To1});
  }

  const Shape& shape(TensorId id) const { return build_.shape(id); }
  int64_t elements(TensorId id) const { return element_count(shape(id)); }
  bool fits(int64_t count) const { return count <= kMaxElements && count + total_ <= kMaxTotal; }

  void keep(TensorId id) {
    live_.push_back(id);
    total_ += elements(id);
  }

  // Recent results more often than old ones, so that graphs are deep as well as branched.
  TensorId any() {
    const size_t back = chance(0.6) ? 0 : static_cast<size_t>(random_.below(live_.size()));
    return live_[live_.size() - 1 - back];
  }
  bool image(TensorId id) const { return shape(id).size() == 4; }

  // ---- inputs
  // ------------------------------------------------------------------------------------

  Shape image_shape() {
    Shape shape = {chance(0.8) ? 1 : 2, number(1, 14), number(1, 14), 1};
    shape[3] = chance(0.3) ? number(1, 4) : number(1, 20);
    return shape;
  }

  void add_input() {
    Shape shape = image_shape();
    if (chance(0.15)) {
      shape.resize(static_cast<size_t>(number(1, 3)));
      for (int32_t& extent : shape) extent = number(1, 40);
    } else if (chance(0.06)) {
      shape = {number(1, 2), number(1, 4), number(1, 5), number(1, 6), number(1, 6)};
    }
    const double kind = random_.unit();
    if (kind < 0.1) return keep(build_.quantize(build_.float_input(shape)));
    if (kind < 0.2) {
      const float s = scale();
      const int32_t zero = number(0, 255);
      const TensorId input = build_.input(shape, s, zero, DType::UInt8);
      const bool same = chance(0.7);  // as converters write it
      return keep(build_.quantize(input, DType::Int8, same ? s : s * 1.5f,
                                  same ? zero - 128 : zero_point()));
    }
    if (kind < 0.35 && shape.size() == 4) {  // planar, as exported from PyTorch
      std::swap(shape[1], shape[3]);
      return keep(build_.transpose(build_.input(shape, scale(), zero_point()), {0, 2, 3, 1}));
    }
    keep(build_.input(shape, scale(), zero_point()));
  }

  // ---- steps
  // -------------------------------------------------------------------------------------

  void add_step() {
    for (int attempt = 0; attempt < 30; ++attempt) {
      if (try_step(static_cast<int>(random_.below(30)))) return;
    }
  }

  // Images that are worth going through row by row: higher than wide, some of one row, few batches.
  void add_images() {
    Shape shape = {chance(0.93) ? 1 : 2, number(1, 26), number(1, 9), number(1, 8)};
    if (chance(0.08)) shape[1] = 1;
    const int64_t inputs = chance(0.88) ? 1 : 2;
    for (int64_t i = 0; i < inputs; ++i) {
      Shape own = shape;
      if (i == 0 && chance(0.12)) {  // planar
        std::swap(own[1], own[3]);
        std::swap(own[2], own[3]);
        keep(build_.transpose(build_.input(own, scale(), zero_point()), {0, 2, 3, 1}));
      } else {
        keep(build_.input(own, scale(), zero_point()));
      }
    }
  }

  // Mostly what can take turns row by row; sometimes anything.
  void add_row_step() {
    for (int attempt = 0; attempt < 30; ++attempt) {
      if (try_row_step()) return;
    }
  }

  bool try_row_step() {
    const TensorId x = any();
    switch (random_.below(20)) {
      case 0:
      case 1:
      case 2:
        return try_conv(x);
      case 3:
      case 4:
      case 5:
        return try_depthwise(x);
      case 6:
        return try_pointwise(x);
      case 7:
        return try_pool(x);
      case 8:
        return try_binary(x);
      case 9:
      case 10:
        return try_join(x);
      case 11:
        return try_residual(x);
      case 12:
        return try_nested_residual(x);
      case 13:
        return try_squeeze_and_excite(x);
      case 14:
        return try_channel_concat(x);
      case 15:
        return try_resize(x);
      case 16:
        return try_mean(x);
      case 17:
        return try_requantize(x);
      case 18:
        return try_padded_conv(x);
      default:
        return try_step(static_cast<int>(random_.below(30)));
    }
  }

  bool try_pointwise(TensorId x) {
    if (!image(x)) return false;
    const int32_t channels = number(1, 16);
    const int64_t out = elements(x) / shape(x)[3] * channels;
    if (!affordable(out, out * shape(x)[3])) return false;
    keep(build_.conv(x, channels, Window::square(1, 1, activation())));
    return count_macs();
  }

  // Two results of one shape meet again, however far apart they were made.
  bool try_join(TensorId x) {
    std::vector<TensorId> others;
    for (const TensorId id : live_) {
      if (id != x && shape(id) == shape(x)) others.push_back(id);
    }
    if (others.empty() || !fits(elements(x))) return false;
    keep(chance(0.7) ? build_.add(x, one_of(others), activation()) : build_.mul(one_of(others), x));
    return true;
  }

  //   x → a → b → add(a, b) → add(x, ·), with windows that keep the shape
  bool try_nested_residual(TensorId x) {
    if (!image(x)) return false;
    const int64_t cost = elements(x) * (49 + 25);
    if (!affordable(4 * elements(x), cost)) return false;
    macs_ += cost;
    const auto kernel = [&] { return one_of<int32_t>({1, 3, 5, 7}); };
    const TensorId a = build_.depthwise(x, 1, Window::square(kernel()));
    const TensorId b = build_.depthwise(a, 1, Window::square(kernel(), 1, activation()));
    const TensorId inner = build_.add(a, b);
    if (chance(0.3)) keep(inner);
    keep(build_.add(x, chance(0.5) ? build_.depthwise(inner, 1, Window::square(kernel())) : inner));
    return true;
  }

  bool try_channel_concat(TensorId x) {
    if (!image(x)) return false;
    std::vector<TensorId> parts = {x};
    int64_t total = elements(x);
    for (const TensorId id : live_) {
      const Shape &a = shape(id), &b = shape(x);
      if (!image(id) || parts.size() >= 4 || chance(0.3)) continue;
      if (a[0] != b[0] || a[1] != b[1] || a[2] != b[2]) continue;
      parts.push_back(id);
      total += elements(id);
    }
    if (!fits(2 * total)) return false;
    keep(build_.concat(parts, 3));
    return true;
  }

  bool try_step(int kind) {
    const TensorId x = any();
    switch (kind) {
      case 0:
      case 1:
      case 2:
        return try_conv(x);
      case 3:
      case 4:
        return try_depthwise(x);
      case 5:
        return try_fully_connected(x);
      case 6:
      case 7:
        return try_binary(x);
      case 8:
        return try_pool(x);
      case 9:
        return try_mean(x);
      case 10:
        return try_softmax(x);
      case 11:
      case 12:
        return try_unary(x);
      case 13:
        return try_pad(x);
      case 14:
        return try_reshape(x);
      case 15:
        return try_transpose(x);
      case 16:
      case 17:
        return try_concat(x);
      case 18:
        return try_split(x);
      case 19:
        return try_slice(x);
      case 20:
        return try_pack(x);
      case 21:
        return try_unpack(x);
      case 22:
        return try_blocks(x);
      case 23:
        return try_resize(x);
      case 24:
        return try_requantize(x);
      case 25:
        return try_squeeze_and_excite(x);
      case 26:
        return try_residual(x);
      case 27:
        return try_padded_conv(x);
      case 28:
        return try_relu_after_conv(x);
      default:
        return try_noop(x);
    }
  }

  // Geometry that fits into the image, or nothing after a few trials (false).
  bool choose_window(const Shape& x, bool pool, Window& window) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      window = {};
      const int32_t kernel = chance(0.5) ? one_of<int32_t>({1, 3}) : number(1, 6);
      window.kernel_h = kernel;
      window.kernel_w = chance(0.7) ? kernel : number(1, 6);
      window.stride_h = chance(0.5) ? 1 : number(1, 3);
      window.stride_w = chance(0.8) ? window.stride_h : number(1, 3);
      if (!pool && chance(0.2)) {
        window.dilation_h = number(1, 3);
        window.dilation_w = number(1, 3);
      }
      window.mode = one_of<PaddingMode>({PaddingMode::Same, PaddingMode::Valid});
      // Pools can only be written with SAME or VALID.
      if (!pool && chance(0.25)) {
        window.mode = PaddingMode::Explicit;
        window.padding = {number(0, 3), number(0, 3), number(0, 3), number(0, 3)};
      }
      window.activation = activation();
      const SpatialPadding pad =
          window.mode == PaddingMode::Explicit ? window.padding : SpatialPadding{};
      const bool same = window.mode == PaddingMode::Same;
      const int32_t h = window_output(x[1], window.kernel_h, window.stride_h, window.dilation_h,
                                      pad.top, pad.bottom);
      const int32_t w = window_output(x[2], window.kernel_w, window.stride_w, window.dilation_w,
                                      pad.left, pad.right);
      if (same || (h > 0 && w > 0)) return true;
    }
    return false;
  }

  static int64_t window_elements(const Shape& x, const Window& window, int64_t channels) {
    // An upper bound: explicit padding adds at most 6 rows and columns.
    return x[0] * ((x[1] + 6) / window.stride_h + 1) * ((x[2] + 6) / window.stride_w + 1) *
           channels;
  }

  bool affordable(int64_t out, int64_t macs) const { return fits(out) && macs + macs_ <= kMaxMacs; }

  bool try_conv(TensorId x) {
    Window window;
    if (!image(x) || !choose_window(shape(x), false, window)) return false;
    const int32_t in_channels = shape(x)[3];
    int32_t groups = 1;
    if (chance(0.2)) {
      std::vector<int32_t> divisors;
      for (int32_t g = 1; g <= in_channels; ++g) {
        if (in_channels % g == 0) divisors.push_back(g);
      }
      groups = one_of(divisors);
    }
    const int32_t out_channels = groups * (groups > 1 ? number(1, 3) : number(1, 24));
    const int64_t out = window_elements(shape(x), window, out_channels);
    if (!affordable(out, out * window.kernel_h * window.kernel_w * in_channels / groups)) {
      return false;
    }
    keep(build_.conv(x, out_channels, window, groups));
    return count_macs();
  }

  bool try_depthwise(TensorId x) {
    Window window;
    if (!image(x) || !choose_window(shape(x), false, window)) return false;
    const int32_t multiplier = chance(0.75) ? 1 : number(2, 4);
    const int64_t out = window_elements(shape(x), window, int64_t{shape(x)[3]} * multiplier);
    if (!affordable(out, out * window.kernel_h * window.kernel_w)) return false;
    keep(build_.depthwise(x, multiplier, window));
    return count_macs();
  }

  bool count_macs() {
    macs_ += macs(build_.graph(), build_.graph().ops.back());
    return true;
  }

  bool try_fully_connected(TensorId x) {
    const Shape& in = shape(x);
    const int32_t outputs = number(1, 32);
    if (elements(x) > 2000 || !affordable(outputs * 64, elements(x) * outputs)) return false;
    const bool keep_num_dims = !in.empty() && chance(0.3);
    if (keep_num_dims && !fits(elements(x) / in.back() * outputs)) return false;
    keep(build_.fully_connected(x, outputs, activation(), keep_num_dims));
    return count_macs();
  }

  // A second operand for x: another tensor, a constant, a scalar, a row; never with a larger
  // result.
  TensorId operand_for(TensorId x) {
    if (chance(0.4)) {
      std::vector<TensorId> equal;
      for (const TensorId id : live_) {
        if (shape(id) == shape(x)) equal.push_back(id);
      }
      return one_of(equal);  // x itself at least
    }
    Shape small = shape(x);
    if (chance(0.5)) {
      for (int32_t& extent : small) extent = chance(0.5) ? extent : 1;
    }
    if (chance(0.3)) {
      const auto drop = static_cast<std::ptrdiff_t>(random_.below(small.size() + 1));
      small.erase(small.begin(), small.begin() + drop);
    }
    return build_.constant(small, scale(), zero_point());
  }

  bool try_binary(TensorId x) {
    if (!fits(elements(x))) return false;
    const TensorId other = operand_for(x);
    const bool swapped = chance(0.3);
    const TensorId a = swapped ? other : x;
    const TensorId b = swapped ? x : other;
    switch (random_.below(5)) {
      case 0:
        keep(build_.add(a, b, activation()));
        break;
      case 1:
        keep(build_.sub(a, b, activation()));
        break;
      case 2:
        keep(build_.mul(a, b, activation()));
        break;
      case 3:
        keep(build_.minimum(a, b));
        break;
      default:
        keep(build_.maximum(a, b));
        break;
    }
    return true;
  }

  bool try_pool(TensorId x) {
    Window window;
    if (!image(x) || !choose_window(shape(x), true, window)) return false;
    if (!fits(elements(x) * 2)) return false;
    keep(chance(0.5) ? build_.average_pool(x, window) : build_.max_pool(x, window));
    return true;
  }

  bool try_mean(TensorId x) {
    std::vector<int32_t> axes;
    if (image(x) && chance(0.6)) {
      axes = {1, 2};
    } else {
      for (size_t i = 0; i < shape(x).size(); ++i) {
        if (chance(0.5)) axes.push_back(static_cast<int32_t>(i));
      }
    }
    if (axes.empty()) return false;
    const bool keep_dims = axes.size() == shape(x).size() || chance(0.5);
    keep(build_.mean(x, axes, keep_dims));
    return true;
  }

  bool try_softmax(TensorId x) {
    if (shape(x).empty() || !fits(elements(x))) return false;
    keep(build_.softmax(x, chance(0.7) ? 1.0f : random_.uniform(0.1f, 4.0f)));
    return true;
  }

  bool try_unary(TensorId x) {
    if (!fits(elements(x))) return false;
    if (chance(0.12)) {
      keep(build_.leaky_relu(x, one_of<float>({0.1f, 0.3f, -0.2f, 1.5f})));
      return true;
    }
    const OpKind kind =
        one_of<OpKind>({OpKind::Logistic, OpKind::Tanh, OpKind::Relu, OpKind::Relu6,
                        OpKind::ReluN1To1, OpKind::HardSwish, OpKind::Elu, OpKind::Abs});
    keep(build_.unary(kind, x, chance(0.6)));
    return true;
  }

  bool try_pad(TensorId x) {
    std::vector<int32_t> before, after;
    int64_t count = 1;
    for (const int32_t extent : shape(x)) {
      before.push_back(chance(0.4) ? number(0, 3) : 0);
      after.push_back(chance(0.4) ? number(0, 3) : 0);
      count *= extent + before.back() + after.back();
    }
    if (before.empty() || !fits(count)) return false;
    std::optional<int8_t> value;
    if (chance(0.3)) value = static_cast<int8_t>(number(-128, 127));
    keep(build_.pad(x, before, after, value));
    return true;
  }

  bool try_reshape(TensorId x) {
    const auto count = static_cast<int32_t>(elements(x));
    std::vector<Shape> shapes = {{count}, {1, count}, {1, 1, 1, count}, {count, 1}};
    for (int32_t d = 2; d <= 16; ++d) {
      if (count % d != 0) continue;
      shapes.push_back({d, count / d});
      shapes.push_back({1, d, 1, count / d});
      for (int32_t e = 2; e <= 8; ++e) {
        if (count / d % e == 0) shapes.push_back({1, d, e, count / d / e});
      }
    }
    keep(build_.reshape(x, one_of(shapes)));
    return true;
  }

  bool try_transpose(TensorId x) {
    if (shape(x).empty() || !fits(elements(x))) return false;
    std::vector<int32_t> permutation;
    for (size_t i = 0; i < shape(x).size(); ++i) permutation.push_back(static_cast<int32_t>(i));
    for (size_t i = permutation.size(); i > 1; --i) {
      std::swap(permutation[i - 1], permutation[static_cast<size_t>(random_.below(i))]);
    }
    keep(build_.transpose(x, permutation));
    return true;
  }

  bool try_concat(TensorId x) {
    if (shape(x).empty()) return false;
    const auto axis = static_cast<size_t>(random_.below(shape(x).size()));
    std::vector<TensorId> parts = {x};
    const int32_t more = number(0, 3);
    for (int32_t i = 0; i < more; ++i) {
      std::vector<TensorId> fitting;
      for (const TensorId id : live_) {
        Shape other = shape(id);
        if (other.size() != shape(x).size()) continue;
        other[axis] = shape(x)[axis];
        if (other == shape(x)) fitting.push_back(id);
      }
      parts.push_back(chance(0.2) ? build_.constant(shape(x), scale(), zero_point())
                                  : one_of(fitting));
    }
    int64_t count = 0;
    for (const TensorId id : parts) count += elements(id);
    if (!fits(2 * count)) return false;
    keep(build_.concat(parts, static_cast<int32_t>(axis)));
    return true;
  }

  bool try_split(TensorId x) {
    if (shape(x).empty() || !fits(elements(x))) return false;
    const auto axis = static_cast<int32_t>(random_.below(shape(x).size()));
    const int32_t extent = shape(x)[static_cast<size_t>(axis)];
    std::vector<int32_t> sizes;
    int32_t left = extent;
    while (left > 0 && sizes.size() < 3) {
      sizes.push_back(sizes.size() == 2 ? left : number(1, left));
      left -= sizes.back();
    }
    for (const TensorId id : build_.split(x, axis, sizes)) keep(id);
    return true;
  }

  bool try_slice(TensorId x) {
    if (shape(x).empty()) return false;
    std::vector<int32_t> begin, stride, size;
    for (const int32_t extent : shape(x)) {
      const bool reversed = chance(0.2);
      int32_t step = chance(0.6) ? 1 : number(1, 3);
      const int32_t first = chance(0.5) ? 0 : number(0, extent - 1);
      const int32_t most = (extent - 1 - first) / step + 1;
      const int32_t count = chance(0.5) ? most : number(1, most);
      begin.push_back(reversed ? first + (count - 1) * step : first);
      if (reversed) step = -step;
      stride.push_back(step);
      size.push_back(count);
    }
    if (!fits(element_count(size))) return false;
    keep(build_.strided_slice(x, begin, stride, size));
    return true;
  }

  bool try_pack(TensorId x) {
    if (shape(x).size() >= kMaxRank) return false;
    std::vector<TensorId> parts = {x};
    for (const TensorId id : live_) {
      if (shape(id) == shape(x) && parts.size() < 3 && chance(0.5)) parts.push_back(id);
    }
    if (!fits(2 * elements(x) * static_cast<int64_t>(parts.size()))) return false;
    keep(build_.pack(parts, static_cast<int32_t>(random_.below(shape(x).size() + 1))));
    return true;
  }

  bool try_unpack(TensorId x) {
    std::vector<int32_t> axes;
    for (size_t i = 0; i < shape(x).size(); ++i) {
      if (shape(x)[i] <= 3) axes.push_back(static_cast<int32_t>(i));
    }
    if (axes.empty() || shape(x).size() < 2 || !fits(elements(x))) return false;
    for (const TensorId id : build_.unpack(x, one_of(axes))) keep(id);
    return true;
  }

  bool try_blocks(TensorId x) {
    if (!image(x) || !fits(elements(x))) return false;
    const int32_t block = number(1, 3);
    const bool divides = shape(x)[1] % block == 0 && shape(x)[2] % block == 0;
    if (shape(x)[3] % (block * block) == 0 && (!divides || chance(0.5))) {
      keep(build_.depth_to_space(x, block));
      return true;
    }
    if (!divides) return false;
    keep(build_.space_to_depth(x, block));
    return true;
  }

  bool try_resize(TensorId x) {
    if (!image(x)) return false;
    const int32_t h = chance(0.5) ? shape(x)[1] * number(1, 2) : number(1, 12);
    const int32_t w = chance(0.5) ? shape(x)[2] * number(1, 2) : number(1, 12);
    if (!fits(int64_t{shape(x)[0]} * h * w * shape(x)[3])) return false;
    const bool align = chance(0.3);
    keep(build_.resize(x, h, w, align, !align && chance(0.3)));
    return true;
  }

  bool try_requantize(TensorId x) {
    if (!fits(elements(x))) return false;
    const float s = build_.tensor(x).quantization.scale() * random_.uniform(0.5f, 2.0f);
    TensorId y = x;
    if (chance(0.3)) y = build_.quantize(y, DType::UInt8, s, number(0, 255));
    keep(build_.quantize(y, DType::Int8, s, zero_point()));
    return true;
  }

  bool try_squeeze_and_excite(TensorId x) {
    if (!image(x) || !affordable(2 * elements(x), elements(x))) return false;
    const int32_t channels = shape(x)[3];
    TensorId gate = build_.mean(x, {1, 2}, true);
    gate = build_.conv(gate, std::max(1, channels / 4), Window::square(1, 1, Activation::Relu));
    gate = build_.conv(gate, channels, Window::square(1));
    gate = build_.unary(OpKind::Logistic, gate);
    keep(build_.mul(x, gate));
    return true;
  }

  bool try_residual(TensorId x) {
    if (!image(x)) return false;
    const int32_t channels = shape(x)[3];
    const int64_t wide = elements(x) * 2;
    if (!affordable(3 * wide, wide * channels * 2 + wide * 9)) return false;
    TensorId y = build_.conv(x, channels * 2, Window::square(1, 1, Activation::Relu6));
    y = build_.depthwise(y, 1, Window::square(chance(0.5) ? 3 : 5, 1, Activation::Relu6));
    y = build_.conv(y, channels, Window::square(1));
    macs_ += wide * channels * 2 + wide * 25;
    keep(build_.add(x, y));
    return true;
  }

  // PAD in front of a convolution: to be folded, when it pads with the zero point.
  bool try_padded_conv(TensorId x) {
    if (!image(x)) return false;
    const std::vector<int32_t> before = {0, number(0, 3), number(0, 3), 0};
    const std::vector<int32_t> after = {0, number(0, 3), number(0, 3), 0};
    Shape padded = shape(x);
    for (size_t i = 0; i < 4; ++i) padded[i] += before[i] + after[i];
    Window window;
    if (!fits(element_count(padded)) || !choose_window(padded, false, window)) return false;
    const int32_t channels = number(1, 12);
    const int64_t out = window_elements(padded, window, channels);
    if (!affordable(out, out * window.kernel_h * window.kernel_w * padded[3])) return false;
    std::optional<int8_t> value;
    if (chance(0.3)) {
      value = static_cast<int8_t>(chance(0.5) ? build_.tensor(x).quantization.zero_point() : 3);
    }
    const TensorId y = build_.pad(x, before, after, value);
    if (chance(0.2)) keep(y);  // read by others as well
    keep(chance(0.5) ? build_.conv(y, channels, window) : build_.depthwise(y, 1, window));
    return count_macs();
  }

  bool try_relu_after_conv(TensorId x) {
    Window window = Window::square(1);
    if (!image(x) || !affordable(elements(x) * 2, elements(x) * shape(x)[3])) return false;
    const TensorId y = build_.conv(x, shape(x)[3], window);
    count_macs();
    if (chance(0.2)) keep(y);
    keep(build_.unary(one_of<OpKind>({OpKind::Relu, OpKind::Relu6, OpKind::ReluN1To1}), y,
                      chance(0.8)));
    return true;
  }

  // Operators that change nothing.
  bool try_noop(TensorId x) {
    const Shape& s = shape(x);
    if (s.empty() || !fits(elements(x))) return false;
    const std::vector<int32_t> zeros(s.size(), 0), ones(s.size(), 1);
    std::vector<int32_t> identity;
    for (size_t i = 0; i < s.size(); ++i) identity.push_back(static_cast<int32_t>(i));
    switch (random_.below(8)) {
      case 0:
        keep(build_.pad(x, zeros, zeros));
        break;
      case 1:
        keep(build_.transpose(x, identity));
        break;
      case 2:
        keep(build_.strided_slice(x, zeros, ones, s));
        break;
      case 3:
        keep(build_.concat({x}, 0));
        break;
      case 4:
        keep(build_.split(x, 0, {s[0]}).front());
        break;
      case 5: {
        const Quantization q = build_.tensor(x).quantization;
        keep(build_.quantize(x, DType::Int8, q.scale(), q.zero_point()));
        break;
      }
      case 6:
        keep(build_.reshape(x, s));
        break;
      default: {
        if (!image(x)) return false;
        keep(build_.resize(x, s[1], s[2]));
      }
    }
    return true;
  }

  // ---- outputs
  // -----------------------------------------------------------------------------------

  std::vector<TensorId> choose_outputs() {
    std::set<TensorId> read;
    for (const Op& op : build_.graph().ops) read.insert(op.inputs.begin(), op.inputs.end());
    std::vector<TensorId> outputs;
    // The newest first: where there are too many leaves, old ones are dead.
    for (auto id = live_.rbegin(); id != live_.rend() && outputs.size() < kMaxOutputs; ++id) {
      const bool leaf = read.count(*id) == 0;
      if (!leaf && !chance(0.05)) continue;
      if (leaf && !outputs.empty() && chance(0.1)) continue;  // a dead branch
      if (std::find(outputs.begin(), outputs.end(), *id) != outputs.end()) continue;
      outputs.push_back(*id);
    }
    if (outputs.empty()) outputs.push_back(live_.back());
    for (TensorId& id : outputs) {
      if (chance(0.1)) {
        id = build_.dequantize(id);
      } else if (chance(0.1)) {
        const Quantization q = build_.tensor(id).quantization;
        id = build_.quantize(id, DType::UInt8, q.scale(), q.zero_point() + 128);
      }
    }
    return outputs;
  }

  GraphBuilder build_;
  SplitMix64& random_;
  Flavour flavour_;
  bool int4_;                   // by the seed, so that the graphs of other seeds stay as they were
  std::vector<TensorId> live_;  // int8 results that may be read
  int64_t total_ = 0, macs_ = 0;
};

}  // namespace

Graph random_graph(uint64_t seed) {
  return RandomGraph(seed, RandomGraph::Flavour::Everything).make();
}

Graph random_row_graph(uint64_t seed) {
  return RandomGraph(seed, RandomGraph::Flavour::Rows).make();
}

}  // namespace mcunet::testing
