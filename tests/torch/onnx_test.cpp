// ONNX operators, each imported, run by the reference interpreter and compared with LibTorch.
#include <functional>

#include "compare.h"
#include "quant/import/onnx/read.h"
#include "tests/support/onnx_model.h"

using namespace mcunet;
using mcunet::testing::OnnxModel;

namespace {

struct Case {
  std::string name;
  // Appends nodes that make "y" from "x".
  std::function<void(OnnxModel&)> build;
  std::function<at::Tensor(const at::Tensor&)> expected;
  Shape shape = {1, 4, 6, 5};
  int64_t opset = 17;
};

// Weights that both sides have.
at::Tensor weights(std::vector<int64_t> shape) {
  at::manual_seed(11);
  return at::randn(shape);
}
at::Tensor positive(std::vector<int64_t> shape) { return weights(std::move(shape)).abs() + 0.5; }

void add_constant(OnnxModel& model, const std::string& name, const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const float* data = dense.data_ptr<float>();
  model.constant(name, dense.sizes().vec(), {data, data + dense.numel()});
}

// One node of x.
std::function<void(OnnxModel&)> unary(const std::string& kind) {
  return [kind](OnnxModel& m) { m.node(kind, {"x"}, {"y"}); };
}

// x OP constant, or constant OP x.
std::function<void(OnnxModel&)> binary(const std::string& kind, const at::Tensor& constant,
                                       bool constant_first = false) {
  return [=](OnnxModel& m) {
    add_constant(m, "c", constant);
    m.node(kind,
           constant_first ? std::vector<std::string>{"c", "x"} : std::vector<std::string>{"x", "c"},
           {"y"});
  };
}

using Attributes = std::function<void(testing::OnnxNode)>;

std::function<void(OnnxModel&)> conv(const at::Tensor& w, const Attributes& attributes,
                                     bool bias = true) {
  return [=](OnnxModel& m) {
    add_constant(m, "w", w);
    if (bias) add_constant(m, "b", weights({w.size(0)}));
    attributes(m.node(
        "Conv", bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"},
        {"y"}));
  };
}

std::function<void(OnnxModel&)> attributed(const std::string& kind, const Attributes& attributes) {
  return [=](OnnxModel& m) { attributes(m.node(kind, {"x"}, {"y"})); };
}

std::function<void(OnnxModel&)> resize(const std::vector<float>& scales, const char* transform,
                                       const char* rounding) {
  return [=](OnnxModel& m) {
    m.constant("s", {4}, scales);
    m.node("Resize", {"x", "", "s"}, {"y"})
        .set("mode", "nearest")
        .set("coordinate_transformation_mode", transform)
        .set("nearest_mode", rounding);
  };
}

using Ints = std::vector<int64_t>;

std::vector<Case> weighted_cases() {
  const at::Tensor w = weights({6, 4, 3, 3}), wg = weights({6, 2, 3, 2}),
                   wd = weights({8, 1, 3, 3}), b6 = weights({6}), b8 = weights({8});
  return {
      {"Conv",
       conv(w,
            [](testing::OnnxNode n) {
              n.set("pads", Ints{1, 0, 0, 2}).set("strides", Ints{2, 1});
            }),
       [=](const at::Tensor& x) {
         return at::conv2d(at::constant_pad_nd(x, {0, 2, 1, 0}), w, b6, {2, 1});
       }},
      {"Conv in groups, dilated",
       conv(wg,
            [](testing::OnnxNode n) {
              n.set("group", int64_t{2}).set("dilations", Ints{2, 1}).set("pads", Ints{2, 1, 2, 1});
            }),
       [=](const at::Tensor& x) {
         return at::conv2d(x, wg, b6, {1, 1}, {2, 1}, {2, 1}, 2);
       }},
      {"Conv depthwise, without bias",
       conv(
           wd, [](testing::OnnxNode n) { n.set("group", int64_t{4}); }, false),
       [=](const at::Tensor& x) {
         return at::conv2d(x, wd, at::Tensor(), at::IntArrayRef({1, 1}), at::IntArrayRef({0, 0}),
                           at::IntArrayRef({1, 1}), 4);
       }},
      {"Conv SAME_UPPER",
       conv(w,
            [](testing::OnnxNode n) {
              n.set("auto_pad", "SAME_UPPER").set("strides", Ints{2, 2});
            }),
       [=](const at::Tensor& x) {  // 6 rows need one more behind, 5 columns one on each side
         return at::conv2d(at::constant_pad_nd(x, {1, 1, 0, 1}), w, b6, {2, 2});
       }},
      {"Conv SAME_LOWER",
       conv(w,
            [](testing::OnnxNode n) {
              n.set("auto_pad", "SAME_LOWER").set("strides", Ints{2, 2});
            }),
       [=](const at::Tensor& x) {
         return at::conv2d(at::constant_pad_nd(x, {1, 1, 1, 0}), w, b6, {2, 2});
       }},
      {"Conv VALID", conv(w, [](testing::OnnxNode n) { n.set("auto_pad", "VALID"); }),
       [=](const at::Tensor& x) { return at::conv2d(x, w, b6); }},
      {"BatchNormalization",
       [](OnnxModel& m) {
         for (const char* name : {"g", "b", "m"}) add_constant(m, name, weights({4}));
         add_constant(m, "v", positive({4}));
         m.node("BatchNormalization", {"x", "g", "b", "m", "v"}, {"y"}).set("epsilon", 0.01);
       },
       [](const at::Tensor& x) {
         const at::Tensor p = weights({4});
         return at::batch_norm(x, p, p, p, positive({4}), false, 0.1, 0.01, false);
       }},
      {"Gemm",
       [](OnnxModel& m) {
         add_constant(m, "w", weights({5, 7}));
         add_constant(m, "b", weights({1, 5}));
         m.node("Gemm", {"x", "w", "b"}, {"y"})
             .set("transB", int64_t{1})
             .set("alpha", 0.5)
             .set("beta", 2.0);
       },
       [](const at::Tensor& x) {
         return at::matmul(x, weights({5, 7}).t()) * 0.5 + weights({5}) * 2;
       },
       {3, 7}},
      {"Gemm, transposed weights, one bias",
       [](OnnxModel& m) {
         add_constant(m, "w", weights({7, 5}));
         add_constant(m, "b", at::full({1}, 3.0));
         m.node("Gemm", {"x", "w", "b"}, {"y"});
       },
       [](const at::Tensor& x) {
         return at::matmul(x, weights({7, 5})) + 3;
       },
       {1, 7}},
      {"MatMul of a sequence",
       binary("MatMul", weights({5, 3})),
       [](const at::Tensor& x) {
         return at::matmul(x, weights({5, 3}));
       },
       {1, 7, 5}},
      {"Flatten, then Gemm",
       [](OnnxModel& m) {
         m.node("Flatten", {"x"}, {"f"});
         add_constant(m, "w", weights({120, 9}));
         m.node("Gemm", {"f", "w"}, {"y"});
       },
       [](const at::Tensor& x) {
         return at::matmul(at::flatten(x, 1), weights({120, 9}));
       }},
  };
}

std::vector<Case> value_cases() {
  const at::Tensor c = weights({4, 1, 1});
  return {
      {"Abs", unary("Abs"), [](const at::Tensor& x) { return x.abs(); }},
      {"Relu", unary("Relu"), [](const at::Tensor& x) { return x.relu(); }},
      {"Sigmoid", unary("Sigmoid"), [](const at::Tensor& x) { return x.sigmoid(); }},
      {"Tanh", unary("Tanh"), [](const at::Tensor& x) { return x.tanh(); }},
      {"Neg", unary("Neg"), [](const at::Tensor& x) { return -x; }},
      {"HardSwish", unary("HardSwish"), [](const at::Tensor& x) { return at::hardswish(x); }},
      {"HardSigmoid", unary("HardSigmoid"),
       [](const at::Tensor& x) { return (x * 0.2 + 0.5).clamp(0, 1); }},
      {"HardSigmoid of PyTorch",
       attributed("HardSigmoid", [](testing::OnnxNode n) { n.set("alpha", 1.0 / 6); }),
       [](const at::Tensor& x) { return at::hardsigmoid(x); }},
      {"LeakyRelu", attributed("LeakyRelu", [](testing::OnnxNode n) { n.set("alpha", 0.3); }),
       [](const at::Tensor& x) { return at::leaky_relu(x, 0.3); }},
      {"Elu", unary("Elu"), [](const at::Tensor& x) { return at::elu(x); }},
      {"SiLU",
       [](OnnxModel& m) {
         m.node("Sigmoid", {"x"}, {"s"});
         m.node("Mul", {"x", "s"}, {"y"});
       },
       [](const at::Tensor& x) { return at::silu(x); }},
      {"Clip",
       [](OnnxModel& m) {
         m.constant("low", {}, {-1.5F});
         m.constant("high", {}, {2});
         m.node("Clip", {"x", "low", "high"}, {"y"});
       },
       [](const at::Tensor& x) { return x.clamp(-1.5, 2); }},
      {"Clip from below",
       [](OnnxModel& m) {
         m.constant("low", {}, {0.25F});
         m.node("Clip", {"x", "low"}, {"y"});
       },
       [](const at::Tensor& x) { return x.clamp_min(0.25); }},
      {"Clip from above",
       [](OnnxModel& m) {
         m.constant("high", {}, {0.25F});
         m.node("Clip", {"x", "", "high"}, {"y"});
       },
       [](const at::Tensor& x) { return x.clamp_max(0.25); }},
      {"Add", binary("Add", c), [=](const at::Tensor& x) { return x + c; }},
      {"Sub", binary("Sub", c), [=](const at::Tensor& x) { return x - c; }},
      {"Sub from a constant", binary("Sub", c, true), [=](const at::Tensor& x) { return c - x; }},
      {"Mul", binary("Mul", c, true), [=](const at::Tensor& x) { return x * c; }},
      {"Div", binary("Div", c), [=](const at::Tensor& x) { return x / c; }},
      {"Sum",
       [](OnnxModel& m) {
         m.node("Relu", {"x"}, {"r"});
         m.node("Sum", {"x", "r", "x"}, {"y"});
       },
       [](const at::Tensor& x) { return x + x.relu() + x; }},
      {"Softmax", attributed("Softmax", [](testing::OnnxNode n) { n.set("axis", int64_t{1}); }),
       [](const at::Tensor& x) { return x.softmax(1); }},
      {"Softmax of opset 11",
       unary("Softmax"),
       [](const at::Tensor& x) { return x.softmax(1); },
       {3, 8},
       11},
      {"Identity, Dropout and Cast",
       [](OnnxModel& m) {
         m.node("Identity", {"x"}, {"a"});
         m.node("Dropout", {"a"}, {"b"});
         m.node("Cast", {"b"}, {"c"}).set("to", int64_t{1});
         m.node("Relu", {"c"}, {"y"});
       },
       [](const at::Tensor& x) { return x.relu(); }},
  };
}

std::vector<Case> window_cases() {
  return {
      {"MaxPool",
       attributed("MaxPool",
                  [](testing::OnnxNode n) {
                    n.set("kernel_shape", Ints{3, 2})
                        .set("strides", Ints{2, 1})
                        .set("pads", Ints{1, 1, 1, 1});
                  }),
       [](const at::Tensor& x) {
         return at::max_pool2d(x, {3, 2}, {2, 1}, {1, 1});
       }},
      {"MaxPool with ceil_mode",
       attributed("MaxPool",
                  [](testing::OnnxNode n) {
                    n.set("kernel_shape", Ints{3, 3})
                        .set("strides", Ints{2, 2})
                        .set("ceil_mode", int64_t{1});
                  }),
       [](const at::Tensor& x) {
         return at::max_pool2d(x, {3, 3}, {2, 2}, 0, 1, true);
       }},
      {"AveragePool",
       attributed("AveragePool",
                  [](testing::OnnxNode n) {
                    n.set("kernel_shape", Ints{3, 3})
                        .set("strides", Ints{2, 2})
                        .set("pads", Ints{1, 1, 1, 1});
                  }),
       [](const at::Tensor& x) { return at::avg_pool2d(x, 3, 2, 1, false, false); }},
      {"AveragePool that counts padding",
       attributed("AveragePool",
                  [](testing::OnnxNode n) {
                    n.set("kernel_shape", Ints{3, 3})
                        .set("strides", Ints{2, 2})
                        .set("pads", Ints{1, 1, 1, 1})
                        .set("count_include_pad", int64_t{1});
                  }),
       [](const at::Tensor& x) { return at::avg_pool2d(x, 3, 2, 1, false, true); }},
      {"GlobalAveragePool", unary("GlobalAveragePool"),
       [](const at::Tensor& x) {
         return x.mean({2, 3}, true);
       }},
      {"GlobalMaxPool", unary("GlobalMaxPool"),
       [](const at::Tensor& x) {
         return x.amax({2, 3}, true);
       }},
      {"ReduceMean",
       attributed("ReduceMean",
                  [](testing::OnnxNode n) {
                    n.set("axes", Ints{2, -1}).set("keepdims", int64_t{0});
                  }),
       [](const at::Tensor& x) {
         return x.mean({2, 3});
       }},
      {"ReduceMean of opset 18",
       [](OnnxModel& m) {
         m.constant("axes", {1});
         m.node("ReduceMean", {"x", "axes"}, {"y"});
       },
       [](const at::Tensor& x) { return x.mean({1}, true); },
       {1, 4, 6, 5},
       18},
      {"Resize as PyTorch", resize({1, 1, 2, 2}, "asymmetric", "floor"),
       [](const at::Tensor& x) {
         return at::upsample_nearest2d(x, {12, 10});
       }},
      {"Resize, ONNX's default", resize({1, 1, 2, 3}, "half_pixel", "round_prefer_floor"),
       [](const at::Tensor& x) {
         return at::upsample_nearest2d(x, {12, 15});
       }},
      {"Resize to a size",
       [](OnnxModel& m) {
         m.constant("size", {1, 4, 18, 10});
         m.node("Resize", {"x", "", "", "size"}, {"y"})
             .set("coordinate_transformation_mode", "asymmetric")
             .set("nearest_mode", "floor");
       },
       [](const at::Tensor& x) {
         return at::upsample_nearest2d(x, {18, 10});
       }},
      {"Pad",
       [](OnnxModel& m) {
         m.constant("pads", {0, 1, 2, 0, 0, 0, 1, 3});
         m.node("Pad", {"x", "pads"}, {"y"});
       },
       [](const at::Tensor& x) {
         return at::constant_pad_nd(x, {0, 3, 2, 1, 1, 0});
       }},
  };
}

std::vector<Case> shape_cases() {
  return {
      {"Flatten", unary("Flatten"), [](const at::Tensor& x) { return at::flatten(x, 1); }},
      {"Reshape with a copied and an open extent",
       [](OnnxModel& m) {
         m.constant("s", {0, -1, 2});
         m.node("Reshape", {"x", "s"}, {"y"});
       },
       [](const at::Tensor& x) {
         return x.reshape({1, 60, 2});
       }},
      {"Reshape by shape arithmetic",
       [](OnnxModel& m) {
         m.node("Shape", {"x"}, {"shape"});
         m.constant("zero", {0});
         m.constant("one", {1});
         m.constant("minus", {-1});
         m.node("Gather", {"shape", "zero"}, {"n"}).set("axis", int64_t{0});
         m.node("Gather", {"shape", "one"}, {"c"}).set("axis", int64_t{0});
         m.node("Mul", {"c", "one"}, {"c1"});
         m.node("Concat", {"n", "c1", "minus"}, {"wanted"}).set("axis", int64_t{0});
         m.node("Reshape", {"x", "wanted"}, {"y"});
       },
       [](const at::Tensor& x) {
         return x.reshape({1, 4, 30});
       }},
      {"Squeeze and Unsqueeze",
       [](OnnxModel& m) {
         m.constant("a", {0});
         m.constant("b", {1});
         m.node("Squeeze", {"x", "a"}, {"s"});
         m.node("Unsqueeze", {"s", "b"}, {"y"});
       },
       [](const at::Tensor& x) { return x.squeeze(0).unsqueeze(1); }},
      {"Transpose",
       attributed("Transpose",
                  [](testing::OnnxNode n) {
                    n.set("perm", Ints{0, 2, 1, 3});
                  }),
       [](const at::Tensor& x) {
         return x.permute({0, 2, 1, 3});
       }},
      {"Concat",
       [](OnnxModel& m) {
         m.node("Relu", {"x"}, {"r"});
         m.node("Concat", {"x", "r"}, {"y"}).set("axis", int64_t{1});
       },
       [](const at::Tensor& x) {
         return at::cat({x, x.relu()}, 1);
       }},
      {"Slice",
       [](OnnxModel& m) {
         m.constant("from", {1, -4});
         m.constant("to", {3, 9223372036854775807});
         m.constant("axes", {1, 2});
         m.constant("steps", {1, 2});
         m.node("Slice", {"x", "from", "to", "axes", "steps"}, {"y"});
       },
       [](const at::Tensor& x) { return x.slice(1, 1, 3).slice(2, 2, 6, 2); }},
      {"Split",
       [](OnnxModel& m) {
         m.constant("sizes", {1, 3});
         m.node("Split", {"x", "sizes"}, {"a", "b"}).set("axis", int64_t{1});
         m.node("Concat", {"b", "a"}, {"y"}).set("axis", int64_t{1});
       },
       [](const at::Tensor& x) {
         return at::cat({x.slice(1, 1, 4), x.slice(1, 0, 1)}, 1);
       }},
      {"a channel shuffle",
       [](OnnxModel& m) {
         m.constant("five", {1, 2, 2, 6, 5});
         m.constant("four", {1, 4, 6, 5});
         m.node("Reshape", {"x", "five"}, {"a"});
         m.node("Transpose", {"a"}, {"b"}).set("perm", Ints{0, 2, 1, 3, 4});
         m.node("Reshape", {"b", "four"}, {"y"});
       },
       [](const at::Tensor& x) {
         return x.reshape({1, 2, 2, 6, 5}).transpose(1, 2).reshape({1, 4, 6, 5});
       }},
  };
}

}  // namespace

TEST_CASE("ONNX operators compute what LibTorch computes", "[onnx]") {
  std::vector<Case> cases = weighted_cases();
  for (const auto& more : {value_cases(), window_cases(), shape_cases()})
    cases.insert(cases.end(), more.begin(), more.end());
  for (const Case& test : cases) {
    CAPTURE(test.name);
    OnnxModel model(test.opset);
    model.input("x", {test.shape.begin(), test.shape.end()});
    model.output("y");
    test.build(model);
    at::manual_seed(5);
    const at::Tensor x = at::randn(std::vector<int64_t>(test.shape.begin(), test.shape.end())) * 3;
    import::OnnxOptions options;
    options.name = test.name;
    testing::check_same(import::read_onnx(model.bytes(), options), x, {test.expected(x)});
  }
}
