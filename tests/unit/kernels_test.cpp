// The shipped C kernels against plain implementations written from the specification, on random
// shapes and parameters.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/schedule/conv_block.h"

namespace {

using Bytes = std::vector<int8_t>;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int32_t in(int64_t low, int64_t high) {
    return static_cast<int32_t>(std::uniform_int_distribution<int64_t>(low, high)(engine_));
  }
  bool one_in(int n) { return in(1, n) == 1; }
  // Extremes more often than chance would have them.
  int8_t byte() { return static_cast<int8_t>(one_in(8) ? -128 : one_in(8) ? 127 : in(-128, 127)); }
  Bytes bytes(int64_t n) {
    Bytes all(static_cast<size_t>(n));
    const int kind = in(0, 9);
    for (int8_t& b : all) b = kind == 0 ? -128 : kind == 1 ? 127 : byte();
    return all;
  }
  int32_t multiplier() {
    const int32_t m = one_in(12) ? std::numeric_limits<int32_t>::max()
                                 : in(int64_t{1} << 30, std::numeric_limits<int32_t>::max());
    if (one_in(30)) return std::numeric_limits<int32_t>::min();
    return one_in(30) ? 0 : one_in(4) ? -m : m;
  }
  // Mostly such that results spread over the int8 range for accumulators of about that many bits.
  int8_t shift(int bits) {
    return static_cast<int8_t>(one_in(6) ? in(-31, 8) : std::max(-31, 7 - bits + in(-2, 2)));
  }
  int32_t bias() {
    return one_in(20) ? in(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max())
                      : in(-20000, 20000);
  }
  std::vector<int32_t> biases(int n) {
    std::vector<int32_t> all(static_cast<size_t>(n));
    for (int32_t& b : all) b = bias();
    return all;
  }
  std::vector<int32_t> multipliers(int n) {
    std::vector<int32_t> all(static_cast<size_t>(n));
    for (int32_t& m : all) m = multiplier();
    return all;
  }
  Bytes shifts(int n, int bits) {
    Bytes all(static_cast<size_t>(n));
    for (int8_t& s : all) s = shift(bits);
    return all;
  }
  void clamp(int8_t& low, int8_t& high) {
    low = -128;
    high = 127;
    if (one_in(3)) low = byte();
    if (one_in(3)) high = static_cast<int8_t>(in(low, 127));
  }
  float real(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }

 private:
  std::mt19937 engine_;
};

int32_t wrap(int64_t x) {
  const auto bits = static_cast<uint32_t>(static_cast<uint64_t>(x));
  int32_t value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// PEERS.md, "The int8 arithmetic": both roundings written as they are stated there.
int64_t naive_requantize(int32_t x, int32_t multiplier, int shift) {
  const int64_t a = wrap(static_cast<int64_t>(x) * (int64_t{1} << std::max(shift, 0)));
  const int64_t product = a * multiplier + (int64_t{1} << 30);
  int64_t high = product / (int64_t{1} << 31);
  if (product % (int64_t{1} << 31) < 0) --high;
  high = std::min<int64_t>(high, std::numeric_limits<int32_t>::max());
  const int n = std::max(-shift, 0);
  const int64_t half = n == 0 ? 0 : int64_t{1} << (n - 1);
  return high < 0 ? -((-high + half) / (int64_t{1} << n)) : (high + half) / (int64_t{1} << n);
}

int8_t naive_output(int64_t acc, int32_t multiplier, int shift, int zero, int low, int high) {
  const int64_t y = naive_requantize(wrap(acc), multiplier, shift) + zero;
  return static_cast<int8_t>(std::clamp<int64_t>(y, low, high));
}

// Scratch of exactly the promised size, so that AddressSanitizer sees what goes beyond, with
// garbage in it.
std::vector<int16_t> scratch_of(int64_t bytes) {
  return std::vector<int16_t>(static_cast<size_t>(bytes / 2), 0x5a5a);
}

size_t at(int64_t i) { return static_cast<size_t>(i); }

// Rows of an image: [first, end).
struct Rows {
  int first = 0, end = 0;
  bool empty() const { return first >= end; }
};

// The rows of an image of in_h rows under a window that begins at row top.
Rows window_rows(int top, int taps, int dilation, int in_h) {
  Rows rows;
  for (int y = top; y < top + taps * dilation; y += dilation) {
    if (y < 0 || y >= in_h) continue;
    if (rows.empty()) rows.first = y;
    rows.end = y + 1;
  }
  return rows;
}

// Checks the row-wise contract of mcunet_kernels.h for one random case: P is the kernel's parameter
// struct, prepared for the whole image.
template <typename P>
class RowWise {
 public:
  using Call =
      std::function<void(const int8_t* in, int8_t* out, const P& p, int32_t row, int32_t rows)>;

  RowWise(Random& random, const P& params, Call call, std::function<Rows(int)> window)
      : r_(random), p_(params), call_(std::move(call)), window_(std::move(window)) {}

  // A row of the image in bytes, without the gap behind it.
  RowWise& in_row(int bytes) {
    in_row_ = bytes;
    return *this;
  }
  RowWise& out_pixel(int bytes, int stride) {
    pixel_ = bytes, pixel_stride_ = stride;
    return *this;
  }
  // The image is more than its rows: planes.
  RowWise& only_whole() {
    rings_ = false;
    return *this;
  }

  void check(const Bytes& in, const Bytes& expected) {
    in_ = &in, expected_ = &expected;
    out_row_ = p_.out_w * pixel_stride_;
    REQUIRE(at(p_.out_h * out_row_) == expected.size());
    whole();
    for (const bool upwards : {true, false}) {
      pieces(upwards);
      if (rings_) ring(upwards);
    }
    over_input();
  }

 private:
  // Bytes between the pixels of out belong to somebody else.
  bool same(const int8_t* out) const {
    for (size_t i = 0; i < expected_->size(); ++i) {
      if (static_cast<int>(i) % pixel_stride_ < pixel_ && out[i] != (*expected_)[i]) return false;
    }
    return true;
  }

  // The calls that make all rows, first rows and counts, at most `most` rows each.
  std::vector<Rows> split(int most, bool upwards) {
    std::vector<Rows> calls;
    for (int row = 0; row < p_.out_h; row = calls.back().end)
      calls.push_back({row, std::min(p_.out_h, row + r_.in(1, most))});
    if (!upwards) std::reverse(calls.begin(), calls.end());
    return calls;
  }

  void whole() {
    Bytes out(expected_->size(), 99);
    call_(in_->data(), out.data(), p_, 0, p_.out_h);
    REQUIRE(out == *expected_);
  }

  void pieces(bool upwards) {
    Bytes out(expected_->size(), 99);
    for (const Rows call : split(r_.in(1, 3), upwards))
      call_(in_->data(), out.data() + call.first * out_row_, p_, call.first, call.end - call.first);
    REQUIRE(out == *expected_);
  }

  // As many slots as the calls need, sometimes a few more; garbage in all that they do not need.
  void ring(bool upwards) {
    const std::vector<Rows> calls = split(r_.in(1, 3), upwards);
    std::vector<Rows> needed;
    P p = p_;
    p.in_rows = 1;
    for (const Rows call : calls) {
      Rows all;
      for (int y = call.first; y < call.end; ++y) {
        const Rows window = window_(y);
        if (window.empty()) continue;
        all = all.empty() ? window
                          : Rows{std::min(all.first, window.first), std::max(all.end, window.end)};
      }
      needed.push_back(all);
      p.in_rows = std::max(p.in_rows, all.end - all.first);
    }
    if (r_.one_in(3)) p.in_rows = std::min(p_.in_h, p.in_rows + r_.in(1, 2));
    p.in_row_stride = in_row_ + (r_.one_in(2) ? r_.in(1, 9) : 0);
    Bytes out(expected_->size(), 99);
    for (size_t i = 0; i < calls.size(); ++i) {
      Bytes slots = r_.bytes((p.in_rows - 1) * p.in_row_stride + in_row_);
      for (int y = needed[i].first; y < needed[i].end; ++y)
        std::copy_n(in_->begin() + y * p_.in_row_stride, in_row_,
                    slots.begin() + y % p.in_rows * p.in_row_stride);
      call_(slots.data(), out.data() + calls[i].first * out_row_, p, calls[i].first,
            calls[i].end - calls[i].first);
    }
    REQUIRE(out == *expected_);
  }

  // out as far up over in as the contract lets it: no row reaches beyond the first byte that this
  // row or a later one needs.
  void over_input() {
    int64_t before = std::numeric_limits<int64_t>::min();
    int first_needed = std::numeric_limits<int>::max();
    for (int y = p_.out_h - 1; y >= 0; --y) {
      const Rows window = window_(y);
      if (!window.empty()) first_needed = std::min(first_needed, window.first);
      if (first_needed <= p_.in_h)
        before = std::max<int64_t>(before, (y + 1) * out_row_ - first_needed * p_.in_row_stride);
    }
    before = std::max<int64_t>(before, -static_cast<int64_t>(in_->size()));  // nothing is needed
    const int64_t in_begin = std::max<int64_t>(before, 0), out_begin = in_begin - before;
    const auto in_size = static_cast<int64_t>(in_->size());
    Bytes memory =
        r_.bytes(std::max(in_begin + in_size, out_begin + static_cast<int64_t>(expected_->size())));
    const Bytes garbage = memory;
    for (const int most : {p_.out_h, 1}) {
      memory = garbage;
      std::copy(in_->begin(), in_->end(), memory.begin() + in_begin);
      int row = 0;
      while (row < p_.out_h) {
        const int rows = std::min(most, p_.out_h - row);
        call_(memory.data() + in_begin, memory.data() + out_begin + row * out_row_, p_, row, rows);
        row += rows;
      }
      REQUIRE(same(memory.data() + out_begin));
    }
  }

  Random& r_;
  P p_;
  Call call_;
  std::function<Rows(int)> window_;
  const Bytes* in_ = nullptr;
  const Bytes* expected_ = nullptr;
  int in_row_ = 0, out_row_ = 0, pixel_ = 0, pixel_stride_ = 0;
  bool rings_ = true;
};

// The same bytes some distance before where they were.
struct Before {
  Bytes memory;
  int8_t* in;

  Before(Random& r, const Bytes& bytes, size_t output) : memory(r.bytes(r.in(0, 40))) {
    const size_t distance = memory.size();
    memory.insert(memory.end(), bytes.begin(), bytes.end());
    if (memory.size() < output) memory.resize(output);
    in = memory.data() + distance;
  }
  int8_t* out() { return memory.data(); }
};

}  // namespace

TEST_CASE("requantize rounds twice, exactly", "[kernels]") {
  const int32_t lowest = std::numeric_limits<int32_t>::min(),
                highest = std::numeric_limits<int32_t>::max();
  std::vector<int32_t> values = {0, 1, -1, 2, -2, 3, -3, lowest, lowest + 1, highest, highest - 1};
  for (int i = 1; i < 31; ++i) {
    for (int d = -1; d <= 1; ++d) {
      values.push_back((1 << i) + d);
      values.push_back(-(1 << i) + d);
    }
  }
  Random random(1);
  for (int i = 0; i < 100; ++i) values.push_back(random.in(lowest, highest) >> random.in(0, 24));
  std::vector<int32_t> multipliers = {0,        1 << 30, -(1 << 30),    highest,
                                      -highest, lowest,  (1 << 30) + 1, 1518500250};
  for (int i = 0; i < 20; ++i) multipliers.push_back(random.multiplier());
  int64_t wrong = 0;
  for (const int32_t x : values) {
    for (const int32_t m : multipliers) {
      for (int shift = -31; shift <= 31; ++shift) {
        wrong += mcunet_requantize(x, m, shift) != naive_requantize(x, m, shift);
      }
    }
  }
  CHECK(wrong == 0);
}

namespace {

// Constants of the block kernels, if they can take these channels. bias: with the zero point
// folded.
std::optional<std::vector<int32_t>> pack(const Bytes& weights, const std::vector<int32_t>& bias,
                                         const std::vector<int32_t>& multiplier, const Bytes& shift,
                                         int8_t out_zero, int8_t act_min, int8_t act_max) {
  mcunet::compiler::ConvChannels channels{weights, bias, {}, out_zero, {act_min, act_max}};
  for (size_t c = 0; c < bias.size(); ++c) channels.requantize.push_back({multiplier[c], shift[c]});
  return mcunet::compiler::pack_conv_block(std::move(channels));
}

}  // namespace

TEST_CASE("convolution", "[kernels]") {
  int bounded = 0;
  for (uint32_t seed = 0; seed < 1400; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_conv_params p{};
    p.in_h = r.in(1, 9), p.in_w = r.in(1, 9), p.in_c = r.in(1, 11);
    p.out_c = r.in(1, 7);
    p.kernel_h = static_cast<int16_t>(r.in(1, 5)), p.kernel_w = static_cast<int16_t>(r.in(1, 5));
    p.stride_h = static_cast<int16_t>(r.in(1, 3)), p.stride_w = static_cast<int16_t>(r.in(1, 3));
    p.dilation_h = static_cast<int16_t>(r.in(1, 2)),
    p.dilation_w = static_cast<int16_t>(r.in(1, 2));
    p.pad_top = static_cast<int16_t>(r.in(0, 3)), p.pad_left = static_cast<int16_t>(r.in(0, 3));
    p.out_h = r.in(1, 6), p.out_w = r.in(1, 6);  // may reach far beyond the image: all padding
    p.in_zero = r.byte(), p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    const int layout = r.in(0, 2);
    switch (layout) {
      case 0:  // dense
        p.in_channel_stride = 1, p.in_pixel_stride = p.in_c, p.in_row_stride = p.in_w * p.in_c;
        break;
      case 1:  // a group of the channels, rows with a gap
        p.in_channel_stride = 1, p.in_pixel_stride = p.in_c + r.in(0, 5);
        p.in_row_stride = p.in_w * p.in_pixel_stride + r.in(0, 3);
        break;
      default:  // planar
        p.in_channel_stride = p.in_h * p.in_w, p.in_pixel_stride = 1, p.in_row_stride = p.in_w;
    }
    p.in_rows = p.in_h;
    p.out_pixel_stride = p.out_c + r.in(0, 3);
    const int k = p.kernel_h * p.kernel_w * p.in_c, k4 = MCUNET_ROUND_UP_4(k);
    const bool planar = layout == 2;
    const int in_row = p.in_w * p.in_pixel_stride;
    const Bytes in =
        r.bytes(planar ? p.in_c * p.in_channel_stride : (p.in_h - 1) * p.in_row_stride + in_row);
    Bytes weights = r.bytes(p.out_c * k4);
    const auto bias = r.biases(p.out_c);
    const auto multiplier = r.multipliers(p.out_c);
    const Bytes shift = r.shifts(p.out_c, 16);
    auto folded = bias;
    for (int c = 0; c < p.out_c; ++c) {
      int64_t sum = 0;
      for (int i = 0; i < k4; ++i) {
        if (i >= k) weights[at(c * k4 + i)] = 0;
        sum += weights[at(c * k4 + i)];
      }
      folded[at(c)] = wrap(folded[at(c)] - p.in_zero * sum);
    }
    p.weights = weights.data(), p.bias = folded.data(), p.multiplier = multiplier.data(),
    p.shift = shift.data();
    Bytes expected(at(p.out_h * p.out_w * p.out_pixel_stride), 99);
    for (int oy = 0; oy < p.out_h; ++oy)
      for (int ox = 0; ox < p.out_w; ++ox)
        for (int c = 0; c < p.out_c; ++c) {
          int64_t acc = bias[at(c)];
          for (int i = 0; i < k; ++i) {
            const int ic = i % p.in_c, kx = i / p.in_c % p.kernel_w, ky = i / p.in_c / p.kernel_w;
            const int y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
            const int x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
            if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
            const int value =
                in[at(y * p.in_row_stride + x * p.in_pixel_stride + ic * p.in_channel_stride)];
            acc += (value - p.in_zero) * weights[at(c * k4 + i)];
          }
          expected[at((oy * p.out_w + ox) * p.out_pixel_stride + c)] =
              naive_output(acc, multiplier[at(c)], shift[at(c)], p.out_zero, p.act_min, p.act_max);
        }
    auto scratch = scratch_of(MCUNET_CONV_SCRATCH_BYTES(k));
    // The kernel for bounded sums wherever it may be used.
    Bytes rows_only;
    for (int c = 0; c < p.out_c; ++c)
      for (int i = 0; i < k; ++i) rows_only.push_back(weights[at(c * k4 + i)]);
    const auto packed =
        pack(rows_only, folded, multiplier, shift, p.out_zero, p.act_min, p.act_max);
    const bool fits = packed && (k4 <= MCUNET_CONV_BOUNDED_TAPS || (!planar && p.in_c % 4 == 0));
    if (fits) p.constants = packed->data();
    bounded += fits ? 1 : 0;
    RowWise<mcunet_conv_params> rows(
        r, p,
        [&](const int8_t* from, int8_t* to, const mcunet_conv_params& params, int32_t row,
            int32_t n) {
          (fits ? mcunet_conv_bounded : mcunet_conv)(from, to, scratch.data(), &params, row, n);
        },
        [&](int y) {
          return window_rows(y * p.stride_h - p.pad_top, p.kernel_h, p.dilation_h, p.in_h);
        });
    if (planar) rows.only_whole();
    rows.in_row(in_row).out_pixel(p.out_c, p.out_pixel_stride).check(in, expected);
  }
  CHECK(bounded > 200);
  CHECK(bounded < 1100);
}

TEST_CASE("1x1 convolution", "[kernels]") {
  int bounded = 0;
  for (uint32_t seed = 0; seed < 900; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_conv_1x1_any_params p{};
    p.pixels = r.in(1, 14), p.in_c = r.in(1, 37), p.out_c = r.in(1, 9);
    p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    Bytes in = r.bytes(p.pixels * p.in_c);
    const Bytes weights = r.bytes(p.out_c * p.in_c);
    const auto bias = r.biases(p.out_c);
    const auto multiplier = r.multipliers(p.out_c);
    const Bytes shift = r.shifts(p.out_c, 16);
    p.weights = weights.data(), p.bias = bias.data(), p.multiplier = multiplier.data(),
    p.shift = shift.data();
    const auto packed = pack(weights, bias, multiplier, shift, p.out_zero, p.act_min, p.act_max);
    bounded += packed ? 1 : 0;
    const mcunet_conv_1x1_params q{packed ? packed->data() : nullptr,
                                   p.pixels,
                                   p.in_c,
                                   p.out_c,
                                   p.out_zero,
                                   p.act_min,
                                   p.act_max,
                                   0};
    auto scratch = scratch_of(MCUNET_CONV_1X1_SCRATCH_BYTES(p.in_c));
    const auto kernel = [&](const int8_t* from, int8_t* to) {
      packed ? mcunet_conv_1x1(from, to, scratch.data(), &q)
             : mcunet_conv_1x1_any(from, to, scratch.data(), &p);
    };
    Bytes expected(at(p.pixels * p.out_c)), out(expected.size());
    for (int n = 0; n < p.pixels; ++n)
      for (int c = 0; c < p.out_c; ++c) {
        int64_t acc = bias[at(c)];
        for (int i = 0; i < p.in_c; ++i)
          acc += in[at(n * p.in_c + i)] * weights[at(c * p.in_c + i)];
        expected[at(n * p.out_c + c)] =
            naive_output(acc, multiplier[at(c)], shift[at(c)], p.out_zero, p.act_min, p.act_max);
      }
    kernel(in.data(), out.data());
    REQUIRE(out == expected);
    if (p.out_c <= p.in_c) {  // documented: in place
      Before before(r, in, expected.size());
      kernel(before.in, before.out());
      REQUIRE(std::equal(expected.begin(), expected.end(), before.out()));
      kernel(in.data(), in.data());
      REQUIRE(std::equal(expected.begin(), expected.end(), in.begin()));
    }
  }
  CHECK(bounded > 100);
  CHECK(bounded < 880);
}

namespace {

// Channels in pairs, of every 4 inputs 0, 2, 1, 3.
Bytes pack_pointwise(const Bytes& weights, int in_c, int out_c) {
  Bytes packed;
  const auto w = [&](int c, int i) {
    return c < out_c && i < in_c ? weights[at(c * in_c + i)] : int8_t{0};
  };
  for (int c = 0; c < out_c; c += 2)
    for (int i = 0; i < in_c; i += 4)
      for (const int k : {i, i + 2, i + 1, i + 3}) {
        packed.push_back(w(c, k));
        packed.push_back(w(c + 1, k));
      }
  return packed;
}

// In the order of mcunet_nibbles.h.
Bytes pack_nibbles(const Bytes& packed) {
  REQUIRE(packed.size() % 8 == 0);
  Bytes nibbles;
  for (size_t i = 0; i < packed.size(); i += 8)
    for (size_t j = i; j < i + 4; ++j)
      nibbles.push_back(static_cast<int8_t>(packed[j] * 16 + (packed[j + 4] & 15)));
  return nibbles;
}

Bytes nibble_values(Random& r, int n) {
  Bytes values = r.bytes(n);
  for (int8_t& v : values) v = static_cast<int8_t>(v >> 4);
  return values;
}

// Lets sums of so many products of int8 and weights stay below 2^30; biases go up to the limit.
void bound(Random& r, int terms, std::vector<int32_t>& bias, Bytes& shift) {
  const int most = (1 << 30) - 1 - terms * 128 * 128;
  for (int8_t& s : shift) {
    if (s > 0 && r.one_in(2)) s = static_cast<int8_t>(-s);
    s = std::min<int8_t>(s, 5);
  }
  for (size_t c = 0; c < bias.size(); ++c) {
    const bool at_limit = r.one_in(8) && shift[c % shift.size()] <= 0;
    bias[c] = !at_limit ? r.in(-20000, 20000) : r.one_in(2) ? most : -most;
  }
}

}  // namespace

TEST_CASE("1x1 convolution with int4 weights", "[kernels]") {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_conv_1x1_s4_params p{};
    p.pixels = r.in(1, 14), p.in_c = r.in(1, 37), p.out_c = r.in(1, 9);
    p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    Bytes in = r.bytes(p.pixels * p.in_c);
    const Bytes weights = nibble_values(r, p.out_c * p.in_c);
    const Bytes packed = pack_nibbles(pack_pointwise(weights, p.in_c, p.out_c));
    auto bias = r.biases(p.out_c);
    const auto multiplier = r.multipliers(p.out_c);
    Bytes shift = r.shifts(p.out_c, 12);
    bound(r, p.in_c, bias, shift);
    p.weights = packed.data(), p.bias = bias.data(), p.multiplier = multiplier.data(),
    p.shift = shift.data();
    Bytes expected, out(at(p.pixels * p.out_c));
    for (int n = 0; n < p.pixels; ++n)
      for (int c = 0; c < p.out_c; ++c) {
        int64_t acc = bias[at(c)];
        for (int i = 0; i < p.in_c; ++i)
          acc += in[at(n * p.in_c + i)] * weights[at(c * p.in_c + i)];
        expected.push_back(
            naive_output(acc, multiplier[at(c)], shift[at(c)], p.out_zero, p.act_min, p.act_max));
      }
    auto scratch = scratch_of(MCUNET_CONV_1X1_SCRATCH_BYTES(p.in_c));
    mcunet_conv_1x1_s4(in.data(), out.data(), scratch.data(), &p);
    REQUIRE(out == expected);
    if (p.out_c <= p.in_c) {  // documented: in place
      Before before(r, in, expected.size());
      mcunet_conv_1x1_s4(before.in, before.out(), scratch.data(), &p);
      REQUIRE(std::equal(expected.begin(), expected.end(), before.out()));
      mcunet_conv_1x1_s4(in.data(), in.data(), scratch.data(), &p);
      REQUIRE(std::equal(expected.begin(), expected.end(), in.begin()));
    }
  }
}

TEST_CASE("block constants of channels with vanishing scales", "[kernels]") {
  int packed_count = 0, varying = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const int in_c = r.in(5, 60), pixels = 12;
    const Bytes weights = r.bytes(2 * in_c);
    const std::vector<int32_t> bias = {r.in(-100000, 100000), r.in(-100000, 100000)};
    const std::vector<int32_t> multiplier = {r.in(1 << 30, std::numeric_limits<int32_t>::max()),
                                             r.in(1 << 30, std::numeric_limits<int32_t>::max())};
    const Bytes shift = {static_cast<int8_t>(r.in(-21, -17)), static_cast<int8_t>(r.in(-21, -17))};
    const auto packed = pack(weights, bias, multiplier, shift, -128, -128, 127);
    if (!packed) continue;
    ++packed_count;
    const Bytes in = r.bytes(pixels * in_c);
    Bytes out(at(pixels * 2));
    const mcunet_conv_1x1_params p{packed->data(), pixels, in_c, 2, -128, -128, 127, 0};
    auto scratch = scratch_of(MCUNET_CONV_1X1_SCRATCH_BYTES(in_c));
    mcunet_conv_1x1(in.data(), out.data(), scratch.data(), &p);
    for (int i = 0; i < pixels * 2; ++i) {
      int64_t acc = bias[at(i % 2)];
      for (int k = 0; k < in_c; ++k)
        acc += in[at(i / 2 * in_c + k)] * weights[at(i % 2 * in_c + k)];
      const int8_t expected =
          naive_output(acc, multiplier[at(i % 2)], shift[at(i % 2)], -128, -128, 127);
      varying += expected != -128 ? 1 : 0;
      REQUIRE(out[at(i)] == expected);
    }
  }
  CHECK(packed_count > 150);
  CHECK(varying > 20);
}

TEST_CASE("depthwise convolution", "[kernels]") {
  for (uint32_t seed = 0; seed < 600; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_depthwise_params p{};
    p.in_h = r.in(1, 9), p.in_w = r.in(1, 9), p.in_c = r.in(1, 13);
    p.out_h = r.in(1, 6), p.out_w = r.in(1, 6);
    p.depth_multiplier = static_cast<int16_t>(r.one_in(3) ? r.in(2, 4) : 1);
    p.kernel_h = static_cast<int16_t>(r.in(1, 5)), p.kernel_w = static_cast<int16_t>(r.in(1, 5));
    p.stride_h = static_cast<int16_t>(r.in(1, 3)), p.stride_w = static_cast<int16_t>(r.in(1, 3));
    p.dilation_h = static_cast<int16_t>(r.in(1, 2)),
    p.dilation_w = static_cast<int16_t>(r.in(1, 2));
    p.pad_top = static_cast<int16_t>(r.in(0, 3)), p.pad_left = static_cast<int16_t>(r.in(0, 3));
    p.in_zero = r.byte(), p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    const int out_c = p.in_c * p.depth_multiplier, taps = p.kernel_h * p.kernel_w;
    const int in_row = p.in_w * p.in_c;
    p.in_rows = p.in_h, p.in_row_stride = in_row + (r.one_in(2) ? r.in(1, 9) : 0);
    const Bytes in = r.bytes((p.in_h - 1) * p.in_row_stride + in_row);
    const Bytes weights = r.bytes(taps * out_c);
    const auto bias = r.biases(out_c);
    const auto multiplier = r.multipliers(out_c);
    const Bytes shift = r.shifts(out_c, 15);
    auto folded = bias;
    for (int c = 0; c < out_c; ++c) {
      int64_t sum = 0;
      for (int t = 0; t < taps; ++t) sum += weights[at(t * out_c + c)];
      folded[at(c)] = wrap(folded[at(c)] - p.in_zero * sum);
    }
    p.weights = weights.data(), p.bias = folded.data(), p.multiplier = multiplier.data(),
    p.shift = shift.data();
    Bytes expected(at(p.out_h * p.out_w * out_c));
    size_t o = 0;
    for (int oy = 0; oy < p.out_h; ++oy)
      for (int ox = 0; ox < p.out_w; ++ox)
        for (int c = 0; c < out_c; ++c) {
          int64_t acc = bias[at(c)];
          for (int t = 0; t < taps; ++t) {
            const int y = oy * p.stride_h - p.pad_top + t / p.kernel_w * p.dilation_h;
            const int x = ox * p.stride_w - p.pad_left + t % p.kernel_w * p.dilation_w;
            if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
            const int value = in[at(y * p.in_row_stride + x * p.in_c + c / p.depth_multiplier)];
            acc += (value - p.in_zero) * weights[at(t * out_c + c)];
          }
          expected[o++] =
              naive_output(acc, multiplier[at(c)], shift[at(c)], p.out_zero, p.act_min, p.act_max);
        }
    RowWise<mcunet_depthwise_params>(
        r, p,
        [](const int8_t* from, int8_t* to, const mcunet_depthwise_params& params, int32_t row,
           int32_t n) { mcunet_depthwise(from, to, nullptr, &params, row, n); },
        [&](int y) {
          return window_rows(y * p.stride_h - p.pad_top, p.kernel_h, p.dilation_h, p.in_h);
        })
        .in_row(in_row)
        .out_pixel(out_c, out_c)
        .check(in, expected);
  }
}

namespace {

// In the order of mcunet_params.h.
Bytes pack_square(const Bytes& weights, int k, int stride, int channels) {
  Bytes packed;
  for (int c = 0; c < channels; ++c) {
    std::vector<std::pair<int8_t, int8_t>> pairs;
    const auto w = [&](int ky, int kx) { return weights[at((ky * k + kx) * channels + c)]; };
    for (int ky = 0; ky < k; ky += stride == 1 ? 2 : 1)
      for (int kx = 0; kx < k; ++kx) {
        if (stride == 1 && ky + 1 < k) pairs.emplace_back(w(ky, kx), w(ky + 1, kx));
        if (stride == 1 && ky + 1 == k && kx + 1 < k) pairs.emplace_back(w(ky, kx), w(ky, kx + 1));
        if (stride == 2 && kx % 2 == 0)
          pairs.emplace_back(w(ky, kx), kx + 1 < k ? w(ky, kx + 1) : int8_t{0});
      }
    REQUIRE(static_cast<int>(pairs.size()) == MCUNET_DEPTHWISE_PAIRS(k, stride));
    if (pairs.size() % 2 != 0) pairs.emplace_back(0, 0);
    for (size_t i = 0; i < pairs.size(); i += 2) {
      for (const int8_t byte :
           {pairs[i].first, pairs[i + 1].first, pairs[i].second, pairs[i + 1].second})
        packed.push_back(byte);
    }
  }
  REQUIRE(packed.size() == at(channels * MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride)));
  return packed;
}

}  // namespace

TEST_CASE("depthwise convolution with a square kernel", "[kernels]") {
  using Kernel =
      void (*)(const int8_t*, int8_t*, int16_t*, const mcunet_depthwise_params*, int32_t, int32_t);
  const Kernel kernels[] = {mcunet_depthwise_3x3,          mcunet_depthwise_3x3_s2,
                            mcunet_depthwise_5x5,          mcunet_depthwise_5x5_s2,
                            mcunet_depthwise_7x7,          mcunet_depthwise_7x7_s2,
                            mcunet_depthwise_3x3_s2_single};
  for (uint32_t seed = 0; seed < 1050; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const int which = r.in(0, 6);
    const bool single = which == 6;  // one input channel for all
    const int k = single ? 3 : 3 + which / 2 * 2, stride = single ? 2 : 1 + which % 2;
    const bool wide = r.one_in(8);  // several strips
    mcunet_depthwise_params p{};
    p.in_h = r.in(1, 9), p.in_w = r.in(1, wide ? 70 : 14), p.in_c = single ? 1 : r.in(4, 13);
    p.out_h = r.in(1, 5), p.out_w = r.in(1, wide ? 60 : 11);
    p.depth_multiplier = static_cast<int16_t>(single ? r.in(1, 13) : 1);
    p.dilation_h = p.dilation_w = 1;
    p.kernel_h = p.kernel_w = static_cast<int16_t>(k);
    p.stride_h = static_cast<int16_t>(r.in(1, 3)), p.stride_w = static_cast<int16_t>(stride);
    p.pad_top = static_cast<int16_t>(r.in(0, 4)), p.pad_left = static_cast<int16_t>(r.in(0, 4));
    // With -128, as after ReLU6, and shifts to the right scaling takes its short way.
    p.in_zero = r.byte(), p.out_zero = r.one_in(2) ? int8_t{-128} : r.byte();
    r.clamp(p.act_min, p.act_max);
    const int c = p.in_c * p.depth_multiplier, taps = k * k, in_row = p.in_w * p.in_c;
    p.in_rows = p.in_h, p.in_row_stride = in_row + (r.one_in(2) ? r.in(1, 9) : 0);
    const Bytes in = r.bytes((p.in_h - 1) * p.in_row_stride + in_row);
    const Bytes weights = r.bytes(taps * c), packed = pack_square(weights, k, stride, c);
    std::vector<int32_t> bias(at(c)), folded;
    const auto multiplier = r.multipliers(c);
    Bytes shift = r.shifts(c, 15);
    // Up to the bound that is promised for sums.
    for (int i = 0; i < c; ++i) {
      int64_t sum = 0, magnitude = 0;
      for (int t = 0; t < taps; ++t) {
        sum += weights[at(t * c + i)];
        magnitude += 255 * std::abs(int{weights[at(t * c + i)]});
      }
      const int64_t limit = (int64_t{1} << (30 - std::max<int>(shift[at(i)], 0))) - 1 - magnitude;
      bias[at(i)] =
          r.one_in(10) ? static_cast<int32_t>(r.one_in(2) ? limit : -limit) : r.in(-20000, 20000);
      folded.push_back(wrap(bias[at(i)] - p.in_zero * sum));
      if (std::abs(int64_t{bias[at(i)]}) > limit) shift[at(i)] = 0;
    }
    p.bias = folded.data(), p.multiplier = multiplier.data(), p.shift = shift.data();
    Bytes expected(at(p.out_h * p.out_w * c));
    size_t o = 0;
    for (int oy = 0; oy < p.out_h; ++oy)
      for (int ox = 0; ox < p.out_w; ++ox)
        for (int i = 0; i < c; ++i) {
          int64_t acc = bias[at(i)];
          for (int t = 0; t < taps; ++t) {
            const int y = oy * p.stride_h - p.pad_top + t / k, x = ox * stride - p.pad_left + t % k;
            if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
            const int channel = x * p.in_c + (single ? 0 : i);
            acc += (in[at(y * p.in_row_stride + channel)] - p.in_zero) * weights[at(t * c + i)];
          }
          expected[o++] =
              naive_output(acc, multiplier[at(i)], shift[at(i)], p.out_zero, p.act_min, p.act_max);
        }
    p.weights = packed.data();
    auto scratch = scratch_of(MCUNET_DEPTHWISE_SCRATCH_BYTES(k));
    RowWise<mcunet_depthwise_params>(
        r, p,
        [&](const int8_t* from, int8_t* to, const mcunet_depthwise_params& params, int32_t row,
            int32_t n) { kernels[which](from, to, scratch.data(), &params, row, n); },
        [&](int y) { return window_rows(y * p.stride_h - p.pad_top, k, 1, p.in_h); })
        .in_row(in_row)
        .out_pixel(c, c)
        .check(in, expected);
  }
}

TEST_CASE("the short requantization of bounded sums is exact", "[kernels]") {
  Random r(7);
  int64_t wrong = 0;
  for (int i = 0; i < 300000; ++i) {
    const int shift = r.in(-31, 8), left = std::max(shift, 0), zero = r.byte();
    const int32_t most = (int32_t{1} << (30 - left)) - 1;
    const int32_t multiplier = r.multiplier();
    const mcunet_scale scale = mcunet_scale_of(multiplier, shift, zero);
    uint32_t four[4], two[2];
    int32_t sums[4];
    for (int j = 0; j < 4; ++j) {
      sums[j] = r.one_in(6) ? (r.one_in(2) ? most : -most) : r.in(-most, most) >> r.in(0, 29);
      four[j] = static_cast<uint32_t>(sums[j]);
      if (j < 2) two[j] = four[j];
    }
    mcunet_scale4(four, scale);
    mcunet_scale2(two, scale);
    for (int j = 0; j < 4; ++j) {
      const int8_t expected = naive_output(sums[j], multiplier, shift, zero, -128, 127);
      wrong += static_cast<int32_t>(four[j]) != expected;
      if (j < 2) wrong += static_cast<int32_t>(two[j]) != expected;
    }
  }
  CHECK(wrong == 0);
}

namespace {

// In the order of mcunet_params.h.
Bytes pack_dense(const Bytes& weights, int in_c, int out_c) {
  Bytes packed;
  const auto add_word = [&](int c, int begin) {
    for (int i = begin; i < begin + 4; ++i)
      packed.push_back(i < in_c ? weights[at(c * in_c + i)] : int8_t{0});
  };
  int c = 0;
  for (; c + 4 <= out_c; c += 4)
    for (int i = 0; i < in_c; i += 4)
      for (int d = c; d < c + 4; ++d) add_word(d, i);
  for (; c < out_c; ++c)
    for (int i = 0; i < in_c; i += 4) add_word(c, i);
  return packed;
}

}  // namespace

TEST_CASE("fully connected", "[kernels]") {
  for (uint32_t seed = 0; seed < 800; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_fully_connected_params p{};
    p.rows = r.in(1, 3), p.in_c = r.in(1, 70), p.out_c = r.in(1, 13);
    p.per_channel = static_cast<int8_t>(r.in(0, 1));
    p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    const int scales = p.per_channel ? p.out_c : 1;
    const Bytes in = r.bytes(p.rows * p.in_c);
    const bool int4 = r.one_in(2);
    const Bytes weights = int4 ? nibble_values(r, p.out_c * p.in_c) : r.bytes(p.out_c * p.in_c);
    Bytes packed = pack_dense(weights, p.in_c, p.out_c);
    if (int4) {
      Bytes whole = weights;
      whole.resize(at(MCUNET_ROUND_UP_4(p.out_c) * p.in_c));
      packed = pack_nibbles(pack_dense(whole, p.in_c, MCUNET_ROUND_UP_4(p.out_c)));
    }
    auto bias = r.biases(p.out_c);
    const auto multiplier = r.multipliers(scales);
    Bytes shift = r.shifts(scales, int4 ? 13 : 17);
    bound(r, p.in_c, bias, shift);
    p.weights = packed.data(), p.bias = bias.data(), p.multiplier = multiplier.data(),
    p.shift = shift.data();
    Bytes expected, out(at(p.rows * p.out_c));
    for (int n = 0; n < p.rows; ++n)
      for (int c = 0; c < p.out_c; ++c) {
        int64_t acc = bias[at(c)];
        for (int i = 0; i < p.in_c; ++i)
          acc += in[at(n * p.in_c + i)] * weights[at(c * p.in_c + i)];
        const size_t s = at(p.per_channel ? c : 0);
        expected.push_back(
            naive_output(acc, multiplier[s], shift[s], p.out_zero, p.act_min, p.act_max));
      }
    auto scratch = scratch_of(MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(p.in_c));
    (int4 ? mcunet_fully_connected_s4 : mcunet_fully_connected)(in.data(), out.data(),
                                                                scratch.data(), &p);
    REQUIRE(out == expected);
  }
}

namespace {

// A random broadcast of two dense inputs; the sizes of these and of the output.
struct BroadcastCase {
  mcunet_broadcast shape{};
  int size1 = 1, size2 = 1, size = 1;
  bool plain1 = true, plain2 = true;  // not broadcast

  explicit BroadcastCase(Random& r) {
    const bool same = r.one_in(3);
    for (int d = MCUNET_MAX_BROADCAST_DIMS - 1; d >= 0; --d) {
      const bool innermost = d == MCUNET_MAX_BROADCAST_DIMS - 1;
      const int n = r.one_in(3) ? 1 : r.in(1, innermost ? 19 : 6);
      const int kind = same ? 2 : r.in(0, 3);
      const bool once1 = n > 1 && kind == 0, once2 = n > 1 && kind == 1;
      shape.dims[d] = n;
      shape.strides1[d] = once1 ? 0 : size1;
      shape.strides2[d] = once2 ? 0 : size2;
      size *= n;
      size1 *= once1 ? 1 : n;
      size2 *= once2 ? 1 : n;
      plain1 = plain1 && !once1;
      plain2 = plain2 && !once2;
    }
  }

  template <typename F>
  Bytes apply(const Bytes& in1, const Bytes& in2, F f) const {
    Bytes out;
    for (int i = 0; i < size; ++i) {
      int rest = i, i1 = 0, i2 = 0;
      for (int d = MCUNET_MAX_BROADCAST_DIMS - 1; d >= 0; --d) {
        i1 += rest % shape.dims[d] * shape.strides1[d];
        i2 += rest % shape.dims[d] * shape.strides2[d];
        rest /= shape.dims[d];
      }
      out.push_back(f(in1[at(i1)], in2[at(i2)]));
    }
    return out;
  }

  template <typename P>
  void check(Random& r, void (*kernel)(const int8_t*, const int8_t*, int8_t*, const P*), P p,
             Bytes in1, Bytes in2, const Bytes& expected) const {
    p.shape = shape;
    Bytes out(expected.size());
    kernel(in1.data(), in2.data(), out.data(), &p);
    REQUIRE(out == expected);
    if (plain1) {
      Before before(r, in1, expected.size());
      kernel(before.in, in2.data(), before.out(), &p);
      REQUIRE(std::equal(expected.begin(), expected.end(), before.out()));
      Bytes both = in1;
      kernel(both.data(), in2.data(), both.data(), &p);
      REQUIRE(both == expected);
    }
    if (plain2) {
      Before before(r, in2, expected.size());
      kernel(in1.data(), before.in, before.out(), &p);
      REQUIRE(std::equal(expected.begin(), expected.end(), before.out()));
      kernel(in1.data(), in2.data(), in2.data(), &p);
      REQUIRE(in2 == expected);
    }
  }
};

}  // namespace

TEST_CASE("add, subtract, multiply, minimum and maximum with broadcasting", "[kernels]") {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const BroadcastCase c(r);
    const Bytes in1 = r.bytes(c.size1), in2 = r.bytes(c.size2);

    mcunet_add_params add{};
    add.multiplier1 = r.multiplier(), add.multiplier2 = r.multiplier(),
    add.out_multiplier = r.multiplier();
    add.shift1 = static_cast<int8_t>(r.in(-8, 0)), add.shift2 = static_cast<int8_t>(r.in(-8, 0));
    // As it is in models: one of the inputs has the larger scale, and the multiplier 1 / 2.
    if (r.one_in(3)) add.multiplier1 = 1 << 30, add.shift1 = 0;
    if (r.one_in(3)) add.multiplier2 = 1 << 30, add.shift2 = 0;
    add.out_shift = static_cast<int8_t>(r.in(-22, -16));
    add.zero1 = r.byte(), add.zero2 = r.byte(), add.out_zero = r.byte();
    add.subtract = static_cast<int8_t>(r.in(0, 1));
    r.clamp(add.act_min, add.act_max);
    c.check(r, mcunet_add, add, in1, in2, c.apply(in1, in2, [&](int x1, int x2) {
      const int64_t a = naive_requantize((x1 - add.zero1) * 1048576, add.multiplier1, add.shift1);
      const int64_t b = naive_requantize((x2 - add.zero2) * 1048576, add.multiplier2, add.shift2);
      return naive_output(add.subtract ? a - b : a + b, add.out_multiplier, add.out_shift,
                          add.out_zero, add.act_min, add.act_max);
    }));

    mcunet_mul_params mul{};
    mul.multiplier = r.multiplier(), mul.shift = r.shift(13);
    mul.zero1 = r.byte(), mul.zero2 = r.byte(), mul.out_zero = r.byte();
    r.clamp(mul.act_min, mul.act_max);
    c.check(r, mcunet_mul, mul, in1, in2, c.apply(in1, in2, [&](int x1, int x2) {
      return naive_output((x1 - mul.zero1) * (x2 - mul.zero2), mul.multiplier, mul.shift,
                          mul.out_zero, mul.act_min, mul.act_max);
    }));

    mcunet_minmax_params minmax{};
    c.check(r, mcunet_minmax, minmax, in1, in2,
            c.apply(in1, in2, [](int8_t a, int8_t b) { return std::min(a, b); }));
    minmax.maximum = 1;
    c.check(r, mcunet_minmax, minmax, in1, in2,
            c.apply(in1, in2, [](int8_t a, int8_t b) { return std::max(a, b); }));
  }
}

TEST_CASE("average and maximum pooling", "[kernels]") {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_pool_params p{};
    p.channels = r.one_in(2) ? r.in(1, 3) : r.in(4, 13);
    p.in_h = r.in(1, 9), p.in_w = r.in(1, 9);
    p.filter_h = static_cast<int16_t>(r.in(1, 5)), p.filter_w = static_cast<int16_t>(r.in(1, 5));
    p.stride_h = static_cast<int16_t>(r.in(1, 3)), p.stride_w = static_cast<int16_t>(r.in(1, 3));
    p.pad_top = static_cast<int16_t>(r.in(0, p.filter_h - 1)),
    p.pad_left = static_cast<int16_t>(r.in(0, p.filter_w - 1));
    // Every window keeps at least one element.
    p.out_h = (p.in_h - 1 + p.pad_top) / p.stride_h + 1,
    p.out_w = (p.in_w - 1 + p.pad_left) / p.stride_w + 1;
    r.clamp(p.act_min, p.act_max);
    const int in_row = p.in_w * p.channels;
    p.in_rows = p.in_h, p.in_row_stride = in_row + (r.one_in(2) ? r.in(1, 9) : 0);
    const Bytes in = r.bytes((p.in_h - 1) * p.in_row_stride + in_row);
    Bytes average, maximum;
    for (int oy = 0; oy < p.out_h; ++oy)
      for (int ox = 0; ox < p.out_w; ++ox)
        for (int c = 0; c < p.channels; ++c) {
          int sum = 0, n = 0, best = -128;
          for (int i = 0; i < p.filter_h * p.filter_w; ++i) {
            const int y = oy * p.stride_h - p.pad_top + i / p.filter_w;
            const int x = ox * p.stride_w - p.pad_left + i % p.filter_w;
            if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
            const int value = in[at(y * p.in_row_stride + x * p.channels + c)];
            sum += value, ++n, best = std::max(best, value);
          }
          const int mean = (sum > 0 ? sum + n / 2 : sum - n / 2) / n;
          average.push_back(static_cast<int8_t>(std::clamp<int>(mean, p.act_min, p.act_max)));
          maximum.push_back(static_cast<int8_t>(std::clamp<int>(best, p.act_min, p.act_max)));
        }
    const auto check =
        [&](void (*kernel)(const int8_t*, int8_t*, const mcunet_pool_params*, int32_t, int32_t),
            const Bytes& expected) {
          RowWise<mcunet_pool_params>(
              r, p,
              [kernel](const int8_t* from, int8_t* to, const mcunet_pool_params& params,
                       int32_t row, int32_t n) { kernel(from, to, &params, row, n); },
              [&](int y) { return window_rows(y * p.stride_h - p.pad_top, p.filter_h, 1, p.in_h); })
              .in_row(in_row)
              .out_pixel(p.channels, p.channels)
              .check(in, expected);
        };
    check(mcunet_average_pool, average);
    check(mcunet_max_pool, maximum);
  }
}

TEST_CASE("mean", "[kernels]") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_mean_params p{};
    // Eight dimensions, each either kept or reduced, in the input's order k0 r0 k1 r1 … or all kept
    // first.
    int in_size = 1, out_size = 1, count = 1;
    const bool interleaved = r.one_in(2);
    for (int d = 3; d >= 0; --d) {
      p.kept[d] = r.in(1, 4), p.reduced[d] = r.in(1, 4);
      p.kept_out_strides[d] = out_size;
      out_size *= p.kept[d];
      count *= p.reduced[d];
    }
    for (int i = 7; i >= 0; --i) {
      const int d = interleaved ? i / 2 : i % 4;
      const bool kept = interleaved ? i % 2 == 0 : i < 4;
      (kept ? p.kept_in_strides : p.reduced_strides)[d] = in_size;
      in_size *= kept ? p.kept[d] : p.reduced[d];
    }
    const int8_t zero = r.byte();
    p.offset = zero * count;
    p.multiplier = r.multiplier(), p.shift = static_cast<int8_t>(r.in(-10, 0)),
    p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    const Bytes in = r.bytes(in_size);
    std::vector<int> sums(at(out_size));
    for (int o = 0; o < out_size; ++o)
      for (int i = 0; i < count; ++i) {
        int64_t offset = 0;
        int rest_out = o, rest = i;
        for (int d = 3; d >= 0; --d) {
          offset += rest_out % p.kept[d] * p.kept_in_strides[d] +
                    rest % p.reduced[d] * p.reduced_strides[d];
          rest_out /= p.kept[d];
          rest /= p.reduced[d];
        }
        sums[at(o)] += in[at(offset)] - zero;
      }
    Bytes expected, out(at(out_size));
    for (const int sum : sums)
      expected.push_back(
          naive_output(sum, p.multiplier, p.shift, p.out_zero, p.act_min, p.act_max));
    mcunet_mean(in.data(), out.data(), &p);
    REQUIRE(out == expected);
  }
}

TEST_CASE("mean of rows that arrive one by one", "[kernels]") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const int height = r.in(1, 7), channels = r.in(1, 13);
    const int width = r.one_in(3) ? 1 : r.one_in(9) ? r.in(250, 600) : r.in(1, 9);
    const bool upwards = r.one_in(2);
    const int row_size = width * channels;
    mcunet_mean_rows_params p{};
    p.width = width, p.channels = channels;
    p.offset = r.byte() * width * height;
    p.multiplier = r.multiplier(), p.shift = static_cast<int8_t>(r.in(-10, 0));
    p.out_zero = r.byte();
    r.clamp(p.act_min, p.act_max);
    p.first_row = upwards ? 0 : height - 1, p.last_row = upwards ? height - 1 : 0;
    const Bytes in = r.bytes(height * row_size);

    mcunet_mean_params whole{};
    for (int d = 0; d < MCUNET_MAX_REDUCE_DIMS; ++d) whole.kept[d] = whole.reduced[d] = 1;
    whole.kept[3] = channels, whole.kept_in_strides[3] = whole.kept_out_strides[3] = 1;
    whole.reduced[3] = width * height, whole.reduced_strides[3] = channels;
    whole.offset = p.offset, whole.multiplier = p.multiplier, whole.shift = p.shift;
    whole.out_zero = p.out_zero, whole.act_min = p.act_min, whole.act_max = p.act_max;
    Bytes expected(at(channels));
    mcunet_mean(in.data(), expected.data(), &whole);

    for (int c = 0; c < channels; ++c) {
      int64_t sum = -int64_t{p.offset};
      for (int i = 0; i < width * height; ++i) sum += in[at(i * channels + c)];
      REQUIRE(expected[at(c)] ==
              naive_output(sum, p.multiplier, p.shift, p.out_zero, p.act_min, p.act_max));
    }

    Bytes out(at(channels), 99);
    std::vector<int32_t> sums;
    for (int c = 0; c < channels; ++c) sums.push_back(r.bias());  // what was in the arena
    for (int i = 0; i < height; ++i) {
      const int y = upwards ? i : height - 1 - i;
      REQUIRE(out == Bytes(at(channels), 99));  // it may be in use until the last call
      Bytes row(in.begin() + y * row_size, in.begin() + (y + 1) * row_size);
      const bool last = i == height - 1;
      auto before = sums;
      mcunet_mean_rows(row.data(), out.data(), sums.data(), &p, y);
      if (last) mcunet_mean_rows(row.data(), row.data(), before.data(), &p, y);
      if (last) REQUIRE(std::equal(expected.begin(), expected.end(), row.begin()));
    }
    REQUIRE(out == expected);
  }
}

TEST_CASE("average pooling of a whole image whose rows come one by one", "[kernels]") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const int height = r.in(1, 9), width = r.one_in(3) ? 1 : r.in(1, 9), channels = r.in(1, 13);
    const bool upwards = r.one_in(2);
    const int row_size = width * channels;
    mcunet_average_pool_rows_params p{};
    p.width = width, p.channels = channels, p.count = width * height;
    r.clamp(p.act_min, p.act_max);
    p.first_row = upwards ? 0 : height - 1, p.last_row = upwards ? height - 1 : 0;
    const Bytes in = r.bytes(height * row_size);
    Bytes expected;
    for (int c = 0; c < channels; ++c) {
      int sum = 0;
      for (int i = 0; i < p.count; ++i) sum += in[at(i * channels + c)];
      // TFLite rounds half away from zero.
      const int mean = (std::abs(sum) + p.count / 2) / p.count * (sum < 0 ? -1 : 1);
      expected.push_back(
          static_cast<int8_t>(std::min<int>(std::max<int>(mean, p.act_min), p.act_max)));
    }
    Bytes out(at(channels), 99);
    std::vector<int32_t> sums;
    for (int c = 0; c < channels; ++c) sums.push_back(r.bias());  // what was in the arena
    for (int i = 0; i < height; ++i) {
      const int y = upwards ? i : height - 1 - i;
      REQUIRE(out == Bytes(at(channels), 99));  // it may be in use until the last call
      mcunet_average_pool_rows(in.data() + y * row_size, out.data(), sums.data(), &p, y);
    }
    REQUIRE(out == expected);
  }
}

TEST_CASE("softmax is within one unit of the real one", "[kernels]") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const double scale = r.real(0.005f, 0.3f);
    std::vector<int32_t> table(256);
    for (int i = 0; i < 256; ++i) {
      const double raw = std::round(std::exp(-scale * i) * 2147483648.0);
      table[at(i)] = static_cast<int32_t>(std::min(raw, 2147483647.0));
    }
    mcunet_softmax_params p{};
    p.exp = table.data(), p.rows = r.in(1, 3), p.depth = r.one_in(10) ? 1000 : r.in(1, 40);
    Bytes in = r.bytes(p.rows * p.depth), out(in.size());
    mcunet_softmax(in.data(), out.data(), &p);
    for (int row = 0; row < p.rows; ++row) {
      double sum = 0;
      const auto x = in.begin() + row * p.depth;
      const int top = *std::max_element(x, x + p.depth);
      for (int i = 0; i < p.depth; ++i) sum += std::exp(scale * (x[i] - top));
      for (int i = 0; i < p.depth; ++i) {
        const double real = std::min(std::exp(scale * (x[i] - top)) / sum * 256 - 128, 127.0);
        REQUIRE(std::abs(out[at(row * p.depth + i)] - real) <= 0.51);
      }
    }
    mcunet_softmax(in.data(), in.data(), &p);
    REQUIRE(in == out);
  }
}

TEST_CASE("table and fill", "[kernels]") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    const Bytes table = r.bytes(256);
    Bytes in = r.bytes(r.in(1, 300)), out(in.size());
    mcunet_lut(in.data(), out.data(), table.data(), static_cast<int32_t>(in.size()));
    for (size_t i = 0; i < in.size(); ++i) REQUIRE(out[i] == table[at((in[i] + 256) % 256)]);
    Before before(r, in, in.size());
    mcunet_lut(before.in, before.out(), table.data(), static_cast<int32_t>(in.size()));
    REQUIRE(std::equal(out.begin(), out.end(), before.out()));
    mcunet_lut(in.data(), in.data(), table.data(), static_cast<int32_t>(in.size()));
    REQUIRE(in == out);

    Bytes filled(20, 5);
    const int n = r.in(0, 20);
    mcunet_fill(filled.data(), -7, n);
    REQUIRE(std::count(filled.begin(), filled.begin() + n, -7) == n);
    REQUIRE(std::count(filled.begin() + n, filled.end(), 5) == 20 - n);
  }
}

TEST_CASE("nearest neighbour", "[kernels]") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_resize_nearest_params p{};
    p.in_h = r.in(1, 5), p.in_w = r.in(1, 5), p.channels = r.in(1, 9);
    p.out_h = r.in(1, 9), p.out_w = r.in(1, 9);
    std::vector<uint16_t> rows(at(p.out_h)), cols(at(p.out_w));
    for (auto& y : rows) y = static_cast<uint16_t>(r.in(0, p.in_h - 1));
    for (auto& x : cols) x = static_cast<uint16_t>(r.in(0, p.in_w - 1));
    if (!r.one_in(3)) std::sort(rows.begin(), rows.end());
    p.rows = rows.data(), p.cols = cols.data();
    const int in_row = p.in_w * p.channels;
    p.in_rows = p.in_h, p.in_row_stride = in_row + (r.one_in(2) ? r.in(1, 9) : 0);
    const Bytes image = r.bytes((p.in_h - 1) * p.in_row_stride + in_row);
    Bytes expected;
    for (const auto y : rows)
      for (const auto x : cols)
        for (int c = 0; c < p.channels; ++c)
          expected.push_back(image[at(y * p.in_row_stride + x * p.channels + c)]);
    RowWise<mcunet_resize_nearest_params>(
        r, p,
        [](const int8_t* from, int8_t* to, const mcunet_resize_nearest_params& params, int32_t row,
           int32_t n) { mcunet_resize_nearest(from, to, &params, row, n); },
        [&](int y) {
          return Rows{rows[at(y)], rows[at(y)] + 1};
        })
        .in_row(in_row)
        .out_pixel(p.channels, p.channels)
        .check(image, expected);
  }
}

TEST_CASE("strided copy", "[kernels]") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Random r(seed);
    mcunet_copy_params p{};
    // Both sides are dense arrays of the dimensions in a random order, each dimension perhaps
    // walked backwards.
    int64_t size = 1, in_begin = 0, out_begin = 0;
    for (int& n : p.dims) size *= n = r.one_in(3) ? 1 : r.in(1, 4);
    const auto arrange = [&](int32_t* strides, int64_t& begin) {
      std::vector<int> order = {0, 1, 2, 3, 4, 5};
      for (int i = 5; i > 0; --i) std::swap(order[at(i)], order[at(r.one_in(2) ? i : r.in(0, i))]);
      int32_t step = 1;
      for (int i = 5; i >= 0; --i) {
        const int d = order[at(i)];
        const bool backwards = r.one_in(4);
        strides[d] = backwards ? -step : step;
        if (backwards) begin += (p.dims[d] - 1) * step;
        step *= p.dims[d];
      }
    };
    arrange(p.in_strides, in_begin);
    arrange(p.out_strides, out_begin);
    const Bytes in = r.bytes(size);
    Bytes expected(in.size()), out(in.size());
    for (int64_t i = 0; i < size; ++i) {
      int64_t rest = i, from = in_begin, to = out_begin;
      for (int d = 5; d >= 0; --d) {
        from += rest % p.dims[d] * p.in_strides[d];
        to += rest % p.dims[d] * p.out_strides[d];
        rest /= p.dims[d];
      }
      expected[at(to)] = in[at(from)];
    }
    mcunet_copy(in.data() + in_begin, out.data() + out_begin, &p);
    REQUIRE(out == expected);
  }
}

TEST_CASE("float to integer and back", "[kernels]") {
  const float inf = std::numeric_limits<float>::infinity(),
              huge = std::numeric_limits<float>::max();
  std::vector<float> in = {
      0.0f,    -0.0f,  0.5f,   -0.5f,  0.49999997f, -0.49999997f, 1.5f, -1.5f, 2.5f, -2.5f, 511.9f,
      -511.9f, 512.f,  1e9f,   -1e9f,  3e9f,        -3e9f,        huge, -huge, inf,  -inf,  126.5f,
      127.5f,  254.5f, 255.5f, 1e-40f, -1e-40f,     std::nanf("")};
  Random r(3);
  for (int i = 0; i < 2000; ++i) in.push_back(r.real(-400, 400));
  for (const float scale : {1.0f, 0.5f, 0.0235294122f, 1e-30f, 3e30f}) {
    for (const int is_unsigned : {0, 1}) {
      for (const int zero : {-128, -5, 0, 127, 255}) {
        if (is_unsigned ? zero < 0 : zero > 127) continue;
        const int low = is_unsigned ? 0 : -128, high = is_unsigned ? 255 : 127;
        const mcunet_quantize_f32_params p = {scale, zero, static_cast<int32_t>(in.size()),
                                              is_unsigned};
        Bytes out(in.size());
        mcunet_quantize_f32(in.data(), out.data(), &p);
        std::vector<float> back(in.size());
        mcunet_dequantize_f32(out.data(), back.data(), &p);
        for (size_t i = 0; i < in.size(); ++i) {
          INFO("value " << in[i] << " scale " << scale << " zero " << zero);
          const float scaled = in[i] / scale;
          const double y =
              std::isnan(scaled) ? zero : std::round(static_cast<double>(scaled)) + zero;
          const int value = is_unsigned ? static_cast<uint8_t>(out[i]) : out[i];
          REQUIRE(value == std::clamp<double>(y, low, high));
          REQUIRE(back[i] == static_cast<float>(value - zero) * scale);
        }
      }
    }
  }
}
