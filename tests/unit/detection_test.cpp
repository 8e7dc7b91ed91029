#include "libmcunet/data/detection.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "compiler/postprocess.h"
#include "libmcunet/data/drawing.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/data/resize.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "libmcunet/tflite/reader.h"

using namespace mcunet;

namespace {

constexpr const char* kModel = "../shared/models/te_detection.tflite";
constexpr const char* kPicture = "../shared/data/person_det.jpg";
constexpr const char* kInput = "../shared/data/person_det_160x128.png";

bool shared_is_there() {
  if (std::filesystem::exists(kModel) && std::filesystem::exists(kInput)) return true;
  std::cout << "skipped: ../shared/models/te_detection.tflite is missing\n";
  return false;
}

// A detector's shell: an input and three outputs of these channels.
Graph heads(int32_t height, int32_t width, int32_t channels) {
  Graph graph;
  const auto add = [&](const std::string& name, Shape shape) {
    Tensor tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    tensor.quantization = {{0.1F}, {0}, 0};
    graph.tensors.push_back(tensor);
    return static_cast<TensorId>(graph.tensors.size() - 1);
  };
  graph.inputs = {add("image", {1, height, width, 3})};
  for (const int32_t stride : {8, 32, 16}) {  // in no particular order
    graph.outputs.push_back(
        add("head" + std::to_string(stride), {1, height / stride, width / stride, channels}));
  }
  return graph;
}

std::vector<std::vector<float>> empty_outputs(const Graph& graph) {
  std::vector<std::vector<float>> values;
  for (const TensorId id : graph.outputs)
    values.emplace_back(static_cast<size_t>(graph.tensor(id).elements()), -20.0F);
  return values;
}

double pixels(int32_t value) { return static_cast<double>(value) / kBoxUnit; }

}  // namespace

TEST_CASE("bicubic resize gives the published detector's input", "[detection]") {
  if (!shared_is_there()) return;
  const Image resized = resize_bicubic(read_image(kPicture), 160, 128);
  const Image reference = read_image(kInput);
  REQUIRE(resized.pixels.size() == reference.pixels.size());
  CHECK(resized.pixels == reference.pixels);
}

TEST_CASE("resizing by a cubic keeps constant pictures and follows slopes", "[detection]") {
  Image image(40, 30, 1);
  for (uint8_t& pixel : image.pixels) pixel = 77;
  for (const uint8_t pixel : resize_bicubic(image, 17, 51).pixels) CHECK(pixel == 77);
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) *image.at(x, y) = static_cast<uint8_t>(4 * x);
  }
  const Image half = resize_bicubic(image, 20, 30);
  for (int x = 3; x < 17; ++x) CHECK(std::abs(*half.at(x, 10) - (8 * x + 2)) <= 1);
}

TEST_CASE("the published detector finds the two persons", "[detection]") {
  if (!shared_is_there()) return;
  const Graph graph = read_tflite(read_file(kModel), "detector");
  const Tensor& input = graph.tensor(graph.inputs[0]);
  const auto bytes =
      network_input(read_image(kInput), input, find_preprocess("person-det"), "picture");
  std::vector<std::vector<float>> values;
  const auto outputs = reference::Interpreter(graph).run({bytes});
  for (size_t i = 0; i < outputs.size(); ++i)
    values.push_back(real_values(graph.tensor(graph.outputs[i]), outputs[i]));
  const std::vector<DetectionBox> boxes = detect(yolo3_layout(graph), values);
  // ../shared/data/README.md, "Reference figures".
  const double expected[2][5] = {{21.01, 9.49, 102.22, 126.08, 0.8976},
                                 {82.70, 14.04, 153.50, 123.40, 0.8402}};
  REQUIRE(boxes.size() == 2);
  for (size_t i = 0; i < boxes.size(); ++i) {
    CHECK(pixels(boxes[i].x1) == Approx(expected[i][0]).margin(0.02));
    CHECK(pixels(boxes[i].y1) == Approx(expected[i][1]).margin(0.02));
    CHECK(pixels(boxes[i].x2) == Approx(expected[i][2]).margin(0.02));
    CHECK(pixels(boxes[i].y2) == Approx(expected[i][3]).margin(0.02));
    CHECK(static_cast<double>(boxes[i].score) / kScoreUnit ==
          Approx(expected[i][4]).margin(0.0001));
  }
}

TEST_CASE("heads are recognised by their strides", "[detection]") {
  const YoloLayout layout = yolo3_layout(heads(64, 96, 21));
  CHECK(layout.classes == 2);
  REQUIRE(layout.heads.size() == 3);
  CHECK(layout.heads[0].stride == 32);
  CHECK(layout.heads[0].output == 1);
  CHECK(layout.heads[2].stride == 8);
  CHECK(layout.heads[2].columns == 12);
  CHECK_THROWS_AS(yolo3_layout(heads(64, 96, 20)), Error);  // not three times the same
  CHECK_THROWS_AS(yolo3_layout(heads(64, 96, 15)), Error);  // no class
  Graph two = heads(64, 96, 18);
  two.outputs.pop_back();
  CHECK_THROWS_AS(yolo3_layout(two), Error);
  Graph odd = heads(64, 96, 18);
  odd.tensors[1].shape[1] = 9;
  CHECK_THROWS_AS(yolo3_layout(odd), Error);
}

TEST_CASE("a single cell gives the box that its values tell", "[detection]") {
  const Graph graph = heads(64, 64, 21);
  const YoloLayout layout = yolo3_layout(graph);
  auto values = empty_outputs(graph);
  // Stride 16, row 1, column 2, anchor 1 (62 × 45), class 1.
  float* cell = values[layout.heads[1].output].data() + ((1 * 4 + 2) * 3 + 1) * 7;
  cell[0] = 0;
  cell[1] = 0;
  cell[2] = 0;
  cell[3] = std::log(2.0F);
  cell[4] = 20;
  cell[6] = 1;
  const std::vector<DetectionBox> boxes = detect(layout, values);
  REQUIRE(boxes.size() == 1);
  CHECK(boxes[0].class_index == 1);
  CHECK(pixels(boxes[0].x1) == Approx(40 - 31).margin(0.01));
  CHECK(pixels(boxes[0].x2) == Approx(40 + 31).margin(0.01));
  CHECK(pixels(boxes[0].y1) == Approx(24 - 45).margin(0.01));
  CHECK(pixels(boxes[0].y2) == Approx(24 + 45).margin(0.01));
  CHECK(static_cast<double>(boxes[0].score) / kScoreUnit == Approx(0.7311).margin(0.0001));
  // What lies under the threshold is not told, and a NaN is no box.
  DetectionOptions strict;
  strict.threshold = 25000;
  CHECK(detect(layout, values, strict).empty());
  cell[4] = std::nanf("");
  CHECK(detect(layout, values).empty());
}

TEST_CASE("a flood of candidates is cut to the best, whatever their boxes", "[detection]") {
  const Graph graph = heads(128, 160, 18);
  const YoloLayout layout = yolo3_layout(graph);
  SplitMix64 random(5);
  INFO("seed 5");
  auto values = empty_outputs(graph);
  for (auto& output : values) {
    for (float& value : output) value = static_cast<float>(40 * random.unit() - 20);
  }
  const std::vector<DetectionBox> boxes = detect(layout, values);
  REQUIRE_FALSE(boxes.empty());
  CHECK(boxes.size() <= kDetectionCandidates);
  for (size_t i = 1; i < boxes.size(); ++i) CHECK(boxes[i - 1].score >= boxes[i].score);
}

TEST_CASE("fixed-point functions are rounded and saturate", "[detection]") {
  CHECK(logistic_fixed(0) == 16384);
  CHECK(logistic_fixed(100) == 32768);
  CHECK(logistic_fixed(-100) == 0);
  CHECK(exponential_fixed(0) == 65536);
  CHECK(exponential_fixed(100) == 1024U * 65536U);
  CHECK(exponential_fixed(-100) == 0);
}

TEST_CASE("boxes travel as bytes", "[detection]") {
  const std::vector<DetectionBox> boxes = {{-1, 2, 3, 4, 5, 0}, {10, 20, 30, 40, 32768, 7}};
  CHECK(compiler::boxes_from_bytes(compiler::boxes_to_bytes(boxes)) == boxes);
  CHECK(compiler::boxes_to_bytes({}).size() == 4 + 24 * kDetectionCandidates);
}

TEST_CASE("drawing keeps to the picture", "[detection]") {
  Image image(20, 10, 3);
  draw_rectangle(image, -5, -5, 30, 30, 2, {255, 0, 0});  // around it: nothing to see
  for (const uint8_t value : image.pixels) CHECK(value == 0);
  draw_rectangle(image, 2, 3, 8, 9, 1, {1, 2, 3});
  CHECK(image.at(2, 3)[2] == 3);
  CHECK(image.at(7, 8)[0] == 1);
  CHECK(image.at(8, 9)[0] == 0);
  CHECK(image.at(4, 5)[0] == 0);
  draw_number(image, 15, 5, "0.9", 1, {9, 9, 9}, {4, 4, 4});
  CHECK(image.at(15, 5)[0] == 4);
  CHECK(image.at(16, 6)[0] == 9);
  CHECK(number_width("0.9", 2) == 26);
}
