// mcunet_fuzz_onnx [MUTANTS [FIRST_SEED]]: damaged ONNX files through the importer. Each must end
// in a graph or in an Error that blames the file; crashes, other exceptions and more than ten
// seconds are failures, printed with their seed. Deterministic: a seed is a mutant. Worth running
// with sanitizers (the preset asan).

#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/random.h"
#include "quant/import/onnx/read.h"
#include "tests/fuzz/children.h"
#include "tests/support/mutants.h"
#include "tests/support/onnx_model.h"

using namespace mcunet;
using testing::Bytes;
using testing::OnnxModel;

namespace {

constexpr uint64_t kDefaultMutants = 10'000;
constexpr unsigned kHangSeconds = 10;

// ---- files to damage

std::vector<float> values(size_t count) {
  std::vector<float> all(count);
  SplitMix64 random(5);
  for (float& value : all) value = random.uniform(-1, 1);
  return all;
}

// Convolution, batch norm, activations, a shortcut, pooling, a classifier.
onnx::ModelProto classifier() {
  OnnxModel model;
  model.input("x", {1, 3, 8, 8});
  model.constant("w", {4, 3, 3, 3}, values(108));
  model.constant("b", {4}, values(4));
  model.constant("v", {4}, {1, 2, 1, 2});
  model.constant("d", {4, 1, 3, 3}, values(36));
  model.constant("m", {5, 4}, values(20));
  model.constant("n", {5}, values(5));
  model.constant("low", {}, {0});
  model.constant("high", {}, {6});
  model.node("Conv", {"x", "w", "b"}, {"c"})
      .set("kernel_shape", std::vector<int64_t>{3, 3})
      .set("strides", std::vector<int64_t>{2, 2})
      .set("pads", std::vector<int64_t>{1, 1, 1, 1});
  model.node("BatchNormalization", {"c", "b", "b", "b", "v"}, {"e"}).set("epsilon", 1e-3);
  model.node("Clip", {"e", "low", "high"}, {"f"});
  model.node("Conv", {"f", "d"}, {"g"})
      .set("group", int64_t{4})
      .set("pads", std::vector<int64_t>{1, 1, 1, 1});
  model.node("Add", {"f", "g"}, {"h"});
  model.node("GlobalAveragePool", {"h"}, {"i"});
  model.node("Flatten", {"i"}, {"j"}).set("axis", int64_t{1});
  model.node("Gemm", {"j", "m", "n"}, {"y"}).set("transB", int64_t{1});
  model.output("y");
  return model.proto();
}

// What moves values: slices, concatenation, padding, resizing, transposition, shape arithmetic.
onnx::ModelProto mover() {
  OnnxModel model;
  model.input("x", {1, 4, 6, 6});
  model.constant("begin", {0, 1});
  model.constant("end", {4, 5});
  model.constant("axes", {2, 3});
  model.constant("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  model.constant("scales", {4}, {1, 1, 2, 2});
  model.constant("shape", {1, -1});
  model.node("Slice", {"x", "begin", "end", "axes"}, {"a"});
  model.node("Relu", {"a"}, {"b"});
  model.node("Concat", {"a", "b"}, {"c"}).set("axis", int64_t{1});
  model.node("Pad", {"c", "pads"}, {"d"});
  model.node("MaxPool", {"d"}, {"e"})
      .set("kernel_shape", std::vector<int64_t>{2, 2})
      .set("strides", std::vector<int64_t>{2, 2});
  model.node("Resize", {"e", "", "scales"}, {"f"}).set("mode", "nearest");
  model.node("Transpose", {"f"}, {"g"}).set("perm", std::vector<int64_t>{0, 2, 3, 1});
  model.node("ReduceMean", {"g"}, {"h"})
      .set("axes", std::vector<int64_t>{1})
      .set("keepdims", int64_t{0});
  model.node("Reshape", {"h", "shape"}, {"i"});
  model.node("Softmax", {"i"}, {"y"}).set("axis", int64_t{-1});
  model.output("y");
  return model.proto();
}

// ---- damage

// Bytes alone would rarely get past protobuf: most damage is done to the fields.
class Mutator {
 public:
  Mutator(onnx::ModelProto model, SplitMix64& random) : model_(std::move(model)), random_(random) {}

  Bytes mutate() {
    for (int64_t times = random_.between(1, 4); times > 0; --times) mutate_once();
    const std::string text = model_.SerializeAsString();
    return {text.begin(), text.end()};
  }

 private:
  int below(int count) { return static_cast<int>(random_.below(static_cast<uint64_t>(count))); }

  int64_t hostile() {
    constexpr int64_t kNumbers[] = {0,
                                    -1,
                                    1,
                                    2,
                                    3,
                                    7,
                                    -2,
                                    65536,
                                    int64_t{1} << 31,
                                    -(int64_t{1} << 31),
                                    (int64_t{1} << 32) + 1,
                                    int64_t{1} << 62,
                                    std::numeric_limits<int64_t>::max(),
                                    std::numeric_limits<int64_t>::min()};
    return kNumbers[random_.below(std::size(kNumbers))];
  }

  onnx::NodeProto& node() {
    auto& nodes = *model_.mutable_graph()->mutable_node();
    return nodes[below(nodes.size())];
  }

  std::string some_name() {
    const onnx::NodeProto& from = node();
    if (from.input_size() == 0 || random_.chance(0.2)) return random_.chance(0.5) ? "" : "nobody";
    return random_.chance(0.5) && from.output_size() > 0 ? from.output(0)
                                                         : from.input(below(from.input_size()));
  }

  void mutate_once() {
    onnx::GraphProto& graph = *model_.mutable_graph();
    switch (random_.below(11)) {
      case 0:
      case 1:
        return damage_attribute();
      case 2:
      case 3:
        return damage_constant();
      case 4: {
        onnx::NodeProto& changed = node();
        if (changed.input_size() == 0) return;
        return changed.set_input(below(changed.input_size()), some_name());
      }
      case 5:  // another operator with these inputs and attributes
        return node().set_op_type(node().op_type());
      case 6: {
        constexpr const char* kKinds[] = {"AveragePool", "ConvTranspose", "Split",    "Squeeze",
                                          "Unsqueeze",   "Gather",        "Constant", "MatMul",
                                          "LeakyRelu",   "DepthToSpace",  "Loop",     "Mul"};
        return node().set_op_type(kKinds[random_.below(std::size(kKinds))]);
      }
      case 7: {  // twice, or not at all
        if (random_.chance(0.5)) {
          const onnx::NodeProto copy = node();
          *graph.add_node() = copy;
        } else if (graph.node_size() > 1) {
          graph.mutable_node()->DeleteSubrange(below(graph.node_size()), 1);
        }
        return;
      }
      case 8: {
        onnx::NodeProto& changed = node();
        if (random_.chance(0.5)) {
          changed.add_input(some_name());
        } else if (changed.input_size() > 0) {
          changed.mutable_input()->RemoveLast();
        }
        return;
      }
      case 9: {  // the input's extents
        auto& shape =
            *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
        if (shape.dim_size() == 0) return;
        return shape.mutable_dim(below(shape.dim_size()))->set_dim_value(hostile());
      }
      default:
        return model_.mutable_opset_import(0)->set_version(random_.between(9, 20));
    }
  }

  void damage_attribute() {
    onnx::NodeProto& changed = node();
    if (changed.attribute_size() == 0) return;
    onnx::AttributeProto& attribute = *changed.mutable_attribute(below(changed.attribute_size()));
    switch (random_.below(5)) {
      case 0:
        return attribute.set_i(hostile());
      case 1:
        return attribute.add_ints(hostile());
      case 2:
        return attribute.set_type(
            static_cast<onnx::AttributeProto::AttributeType>(random_.between(1, 8)));
      default:
        if (attribute.ints_size() > 0)
          attribute.set_ints(below(attribute.ints_size()), hostile());
        else
          attribute.set_i(hostile());
    }
  }

  void damage_constant() {
    onnx::GraphProto& graph = *model_.mutable_graph();
    if (graph.initializer_size() == 0) return;
    onnx::TensorProto& tensor = *graph.mutable_initializer(below(graph.initializer_size()));
    switch (random_.below(5)) {
      case 0:
        if (tensor.dims_size() > 0) tensor.set_dims(below(tensor.dims_size()), hostile());
        return;
      case 1:
        return tensor.add_dims(hostile());
      case 2:
        return tensor.set_data_type(static_cast<int32_t>(random_.between(0, 17)));
      case 3:
        if (tensor.int64_data_size() > 0)
          return tensor.set_int64_data(below(tensor.int64_data_size()), hostile());
        if (tensor.float_data_size() > 0)
          return tensor.set_float_data(below(tensor.float_data_size()),
                                       std::numeric_limits<float>::infinity());
        return;
      default:
        tensor.clear_dims();
    }
  }

  onnx::ModelProto model_;
  SplitMix64& random_;
};

Bytes make_mutant(uint64_t seed) {
  SplitMix64 random(seed);
  const onnx::ModelProto base = random.chance(0.5) ? classifier() : mover();
  if (random.chance(0.8)) return Mutator(base, random).mutate();
  const std::string text = base.SerializeAsString();
  return testing::mutants({text.begin(), text.end()}, 1, seed).front();
}

// ---- running

// Counts over all children.
struct Counts {
  uint64_t imported, refused;
};

std::string run_mutant(uint64_t seed, Counts& counts) {
  const auto read = [&counts](const Bytes& bytes) {
    try {
      import::read_onnx(bytes, {});
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Usage) return;  // asks for the input's shape
      throw;
    }
    ++counts.imported;
  };
  const uint64_t before = counts.imported;
  for (const std::string& problem : testing::misread({make_mutant(seed)}, read)) return problem;
  if (counts.imported == before) ++counts.refused;
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t mutants = argc > 1 ? std::stoull(argv[1]) : kDefaultMutants;
  const uint64_t first = argc > 2 ? std::stoull(argv[2]) : 1;
  for (const onnx::ModelProto& base : {classifier(), mover()}) {  // or nothing would be tested
    const std::string text = base.SerializeAsString();
    import::read_onnx({text.begin(), text.end()}, {});
  }
  auto& counts = testing::shared_by_children<Counts>();
  const uint64_t failures = testing::run_in_children(
      first, first + mutants, kHangSeconds, [&](uint64_t seed) { return run_mutant(seed, counts); },
      [](uint64_t seed) { return "seed " + std::to_string(seed); });
  std::cout << mutants << " mutants from seed " << first << ": " << counts.imported << " imported, "
            << counts.refused << " refused, " << failures << " failures\n";
  return failures == 0 ? 0 : 1;
}
