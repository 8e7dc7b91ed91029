#include "libmcunet/data/metrics.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "libmcunet/data/network_output.h"
#include "libmcunet/support/error.h"
#include "tests/support/builder.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Graph with_output(int outputs, bool logistic) {
  GraphBuilder build("classifier", 1);
  TensorId x = build.fully_connected(build.input({1, 8}), outputs);
  if (logistic) x = build.unary(OpKind::Logistic, x);
  return build.build({build.dequantize(build.reshape(x, {outputs, 1}))});
}

}  // namespace

TEST_CASE("metrics: Wilson's interval") {
  // Figures of the closed form, computed with 50 digits.
  const Interval half = wilson_interval(5, 10);
  CHECK(half.low == Approx(0.23659309).epsilon(1e-7));
  CHECK(half.high == Approx(0.76340691).epsilon(1e-7));
  const Interval sample = wilson_interval(272, 400);
  CHECK(sample.low == Approx(0.63273).epsilon(1e-4));
  CHECK(sample.high == Approx(0.72384).epsilon(1e-4));
  const Interval none = wilson_interval(0, 20), all = wilson_interval(20, 20);
  CHECK(none.low == 0.0);
  CHECK(none.high == Approx(0.1611252).epsilon(1e-6));
  CHECK(all.high == 1.0);
  CHECK(all.low == Approx(1 - none.high));
  CHECK(wilson_interval(1, 1).low > 0.0);
}

TEST_CASE("metrics: of equal scores the lowest class wins, NaN never does") {
  CHECK(top_class({1, 3, 3, 2}) == 1);
  CHECK(class_rank({1, 3, 3, 2}, 1) == 0);
  CHECK(class_rank({1, 3, 3, 2}, 2) == 1);
  CHECK(class_rank({1, 3, 3, 2}, 0) == 3);
  CHECK(top_class({kNan, -5, kNan, -4}) == 3);
  CHECK(class_rank({kNan, -5, kNan, -4}, 3) == 0);
  CHECK(class_rank({kNan, -5, kNan, -4}, 0) == 2);
  CHECK(class_rank({kNan, -5, kNan, -4}, 2) == 3);
  CHECK(top_class({kNan, kNan}) == 0);
  // Ranks are a permutation that begins with the top class.
  const std::vector<float> scores = {2, 7, 7, -1, 2, 9, 9, 0};
  std::vector<bool> seen(scores.size(), false);
  for (size_t i = 0; i < scores.size(); ++i) {
    const size_t rank = class_rank(scores, i);
    REQUIRE_FALSE(seen.at(rank));
    seen[rank] = true;
    CHECK((rank == 0) == (i == top_class(scores)));
  }
}

TEST_CASE("metrics: signal to noise over everything that was added") {
  SignalToNoise ratio;
  ratio.add({3, 4}, {3, 4});
  CHECK(std::isinf(ratio.decibels()));
  ratio.add({5, 5}, {5, 4});  // 75 against 1
  CHECK(ratio.decibels() == Approx(10 * std::log10(75.0)));
  SignalToNoise more;
  more.add({5}, {2});
  ratio.add(more);
  CHECK(ratio.decibels() == Approx(10));
}

TEST_CASE("network output: real values by the tensor that was computed") {
  GraphBuilder build("scales", 1);
  const TensorId x = build.fully_connected(build.input({1, 8}), 4);
  Graph graph = build.build({build.reshape(x, {4})});
  Tensor& claimed = graph.tensor(graph.outputs[0]);
  claimed.quantization = {{123.0F}, {7}, 0};
  graph.tensor(x).quantization = {{0.5F}, {-2}, 0};
  const ClassifierOutput output = classifier_output(graph);
  CHECK(output.classes == 4);
  CHECK(output.tensor.shape == Shape{4});
  CHECK(real_values(output.tensor, {0, 2, 0x80, 0x7F}) == std::vector<float>{1, 2, -63, 64.5F});
  CHECK(class_scores(output, {1, 2, 3, 4}) == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("network output: a single value means two classes") {
  const ClassifierOutput probability = classifier_output(with_output(1, true));
  CHECK(probability.classes == 2);
  CHECK(top_class(class_scores(probability, {0.6F})) == 1);
  CHECK(top_class(class_scores(probability, {0.5F})) == 0);
  CHECK(top_class(class_scores(probability, {0.4F})) == 0);
  const ClassifierOutput logit = classifier_output(with_output(1, false));
  CHECK(top_class(class_scores(logit, {0.4F})) == 1);
  CHECK(top_class(class_scores(logit, {-0.1F})) == 0);
  CHECK(classifier_output(with_output(2, true)).classes == 2);

  GraphBuilder build("two", 1);
  const TensorId x = build.input({1, 8});
  const Graph graph = build.build({build.fully_connected(x, 2), build.fully_connected(x, 2)});
  CHECK_THROWS_AS(classifier_output(graph), Error);
}
