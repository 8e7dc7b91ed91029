#include "profiler/evaluate.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <iostream>

#include "libmcunet/data/npy.h"
#include "libmcunet/data/visual_wake_words.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "tests/support/builder.h"

using namespace mcunet;

namespace {

constexpr size_t kClasses = 7;

// Samples without content; those in `corrupt` cannot be decoded.
Dataset numbered_set(size_t count, const std::vector<size_t>& corrupt = {}) {
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i)
    samples.push_back({"sample " + std::to_string(i), static_cast<int>(i % kClasses)});
  return Dataset("test", std::vector<std::string>(kClasses), samples,
                 [corrupt](size_t i) -> SampleData {
                   for (const size_t bad : corrupt) {
                     if (bad == i)
                       throw Error(ErrorKind::Input, "sample " + std::to_string(i) + " is corrupt");
                   }
                   return Image(1, 1, 1);
                 });
}

ClassifierOutput seven_classes() {
  ClassifierOutput output;
  output.tensor.dtype = DType::Float32;
  output.tensor.shape = {1, static_cast<int32_t>(kClasses)};
  output.classes = kClasses;
  return output;
}

// The label gets `values[position % size]`, the others 1, 2, 3 … less with their distance to it.
Scorer scorer(std::vector<float> values) {
  return [values](const std::vector<LoadedSample>& samples) {
    std::vector<std::vector<float>> all;
    for (const LoadedSample& sample : samples) {
      std::vector<float> scores(kClasses);
      const size_t label = sample.position % kClasses;
      for (size_t i = 0; i < kClasses; ++i)
        scores[i] = -static_cast<float>((i + kClasses - label) % kClasses);
      scores[label] = values[sample.position % values.size()];
      all.push_back(std::move(scores));
    }
    return all;
  };
}

std::string problem_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
    return error.what();
  }
  FAIL_CHECK("nothing was thrown");
  return "";
}

}  // namespace

TEST_CASE("evaluate: counts, whatever the number of threads") {
  const Dataset dataset = numbered_set(100, {3, 50});
  // In turn: right; third; last.
  const Scorer model = scorer({0, -2.5F, -100}), reference = scorer({0});
  std::vector<double> decibels;
  for (const int threads : {1, 2, 7}) {
    EvaluateOptions options;
    options.threads = threads;
    std::atomic<int64_t> done{0};
    options.progress = [&](int64_t count) { done += count; };
    const Evaluation result = evaluate(dataset, seven_classes(), model, reference, options);
    CHECK(done == 100);
    CHECK(result.images == 98);
    CHECK(result.skipped ==
          std::vector<std::string>{"sample 3 is corrupt", "sample 50 is corrupt"});
    CHECK(result.top1 == 33);  // 34 multiples of 3 below 100, without sample 3
    CHECK(result.top5 == 33 + 33);
    CHECK(result.agreeing == 33);
    CHECK(result.samples[1].rank == 2);
    CHECK(result.samples[2].rank == 6);
    CHECK(result.samples[2].predicted == 3);
    CHECK(result.samples[2].expected == 2);
    CHECK(result.samples[1].score == -1.0F);
    CHECK(result.samples[1].values.empty());
    decibels.push_back(result.signal_to_noise.decibels());
  }
  CHECK(decibels[0] == decibels[1]);
  CHECK(decibels[0] == decibels[2]);
}

TEST_CASE("evaluate: a chosen part keeps its places in the reference's rows") {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "rows.npy").string();
  NpyArray array;
  array.shape = {100, kClasses};
  std::vector<float> values;
  const Dataset whole = numbered_set(100);
  for (size_t i = 0; i < 100; ++i) {
    const std::vector<float> row = scorer({0})({{i, "", Image(1, 1, 1)}}).front();
    values.insert(values.end(), row.begin(), row.end());
  }
  array.bytes.resize(values.size() * sizeof(float));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  write_file_atomically(path, format_npy(array));

  EvaluateOptions options;
  options.keep_values = true;
  const Evaluation result = evaluate(whole.choose(20, 1), seven_classes(), scorer({0}),
                                     array_scorer(path, seven_classes(), 100), options);
  CHECK(result.images == 20);
  CHECK(result.agreeing == 20);
  CHECK(std::isinf(result.signal_to_noise.decibels()));
  CHECK(result.samples[0].values.size() == kClasses);

  CHECK(problem_of([&] {
          array_scorer(path, seven_classes(), 99);
        }).find("the array is [100, 7], expected [99, 7]") != std::string::npos);
  array.dtype = DType::Int8;
  array.bytes.resize(700);
  write_file_atomically(path, format_npy(array));
  CHECK(problem_of([&] {
          array_scorer(path, seven_classes(), 100);
        }).find("elements are int8, expected float32 or the output's float32") !=
        std::string::npos);
}

TEST_CASE("evaluate: labels and references that do not fit are refused") {
  ClassifierOutput six = seven_classes();
  six.classes = 6;
  CHECK(problem_of([&] { evaluate(numbered_set(20), six, scorer({0})); }) ==
        "sample 6 is of class 6, the model has the classes 0 to 5");
  const Scorer other = [](const std::vector<LoadedSample>& samples) {
    return std::vector<std::vector<float>>(samples.size(), {1, 2});
  };
  CHECK(problem_of([&] { evaluate(numbered_set(20), seven_classes(), scorer({0}), other); }) ==
        "the models have 7 and 2 outputs: they cannot be compared");
  CHECK(problem_of([&] {
          evaluate(numbered_set(10, {1, 2}), seven_classes(), scorer({0}));
        }).find("2 of 10 samples cannot be used") != std::string::npos);
}

TEST_CASE("evaluate: a model gives the same on the interpreter and as compiled C") {
  mcunet::testing::GraphBuilder build("small", 3);
  const TensorId x = build.input({1, 8, 8, 3}, 1.0F / 64, 0);
  const TensorId y = build.conv(x, 8, mcunet::testing::Window::square(3, 2));
  const Graph graph = build.build({build.fully_connected(build.mean(y, {1, 2}), kClasses)});
  SplitMix64 random(7);
  std::vector<Image> images;
  std::vector<Sample> samples;
  for (int i = 0; i < 40; ++i) {
    Image image(8, 8, 3);
    for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(random.below(256));
    images.push_back(std::move(image));
    samples.push_back({std::to_string(i), i % static_cast<int>(kClasses)});
  }
  const Dataset dataset("test", std::vector<std::string>(kClasses), samples,
                        [images](size_t i) -> SampleData { return images[i]; });
  const Preprocess preprocess = find_preprocess("minus-one-one");
  compiler::CompileOptions options;
  options.name = "small";
  options.board = find_board("stm32f746");
  const ModelRunner interpreter(graph, options, Place::Interpreter);
  const ClassifierOutput output = classifier_output(graph);
  EvaluateOptions two;
  two.threads = 2;
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: no C compiler (cc)\n";
    return;
  }
  const ModelRunner host(graph, options, Place::Host);
  const Evaluation result = evaluate(dataset, output, model_scorer(graph, host, preprocess),
                                     model_scorer(graph, interpreter, preprocess), two);
  CHECK(result.agreeing == 40);
  CHECK(std::isinf(result.signal_to_noise.decibels()));
  CHECK(result.top1 ==
        evaluate(dataset, output, model_scorer(graph, interpreter, preprocess)).top1);
}

TEST_CASE("visual wake words: a person above half a per cent") {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "instances.json").string();
  const auto annotate = [&](const std::string& categories, const std::string& annotations) {
    write_file_atomically(path, std::string(R"({"info": {"x": [1]}, "images": [
          {"id": 1, "file_name": "a.jpg", "width": 100, "height": 100, "license": 3},
          {"id": 2, "file_name": "b.jpg", "width": 100, "height": 100},
          {"id": 3, "file_name": "c.jpg", "width": 100, "height": 200},
          {"id": 4, "file_name": "elsewhere.jpg", "width": 10, "height": 10}],
          "categories": )") + categories +
                                    ", \"annotations\": " + annotations + "}");
  };
  const std::string people = R"([{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}])";
  annotate(people, R"([
      {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 90, 90], "area": 50,
       "segmentation": [[1, 2, 3]]},
      {"id": 2, "image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 50.1},
      {"id": 3, "image_id": 3, "category_id": 2, "bbox": [0, 0, 90, 90]},
      {"id": 4, "image_id": 3, "category_id": 1, "bbox": [0, 0, 10, 10],
       "segmentation": {"counts": [1, 2], "size": [3, 4]}}])");
  std::vector<Sample> samples;
  for (const char* name : {"b.jpg", "unknown.jpg", "val2014/a.jpg", "c.jpg"})
    samples.push_back({name, std::nullopt});
  const Dataset images("images", {}, samples,
                       [](size_t i) -> SampleData { return Image(static_cast<int>(i) + 1, 1, 1); });
  const Dataset dataset = label_visual_wake_words(images, path);
  REQUIRE(dataset.size() == 3);
  CHECK(dataset.labelled());
  CHECK(dataset.classes() == std::vector<std::string>{"no person", "person"});
  CHECK(dataset.sample(0).label == 1);  // 0.501 %, whatever the box
  CHECK(dataset.sample(1).label == 0);  // 0.5 %: not above
  CHECK(dataset.sample(2).label == 0);  // a cat, and a person of 0.5 % by the box, without an area
  CHECK(std::get<Image>(dataset.load(1)).width == 3);
  CHECK(dataset.kind() == "COCO images (without 1 that have no annotations)");

  CHECK(problem_of([&] {
          label_visual_wake_words(images.subset({1}), path);
        }).find("knows none of the images, such as unknown.jpg") != std::string::npos);
  annotate("[]", "[]");
  CHECK(problem_of([&] { label_visual_wake_words(images, path); }).find("no category \"person\"") !=
        std::string::npos);
  for (const char* bad :
       {R"([{"category_id": 1}])", R"([{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}])",
        R"([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}])", R"([7])", R"("x")"}) {
    INFO(bad);
    annotate(people, bad);
    problem_of([&] { label_visual_wake_words(images, path); });
  }
  write_file_atomically(path, std::string("{\"images\": ["));
  problem_of([&] { label_visual_wake_words(images, path); });
}
