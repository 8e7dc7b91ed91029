// Training: its own layers against LibTorch's, workers against one, resumed against uninterrupted.
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>

#include "libmcunet/netspec/trained.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "search/torch/loop.h"
#include "search/torch/shared_layers.h"
#include "search/torch/supernet.h"
#include "search/torch/train.h"
#include "tests/torch/compare.h"

namespace mcunet {
namespace {

using namespace search;

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

at::Tensor nhwc(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).contiguous(); }

// Images of one colour each, with noise: the class is in the colour, so that it can be learned.
Dataset coloured_images(size_t count, int side, int classes) {
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i)
    samples.push_back({"image " + std::to_string(i), static_cast<int>(i) % classes});
  std::vector<std::string> names;
  for (int c = 0; c < classes; ++c) names.push_back("class " + std::to_string(c));
  return Dataset("test images", names, samples, [side, classes](size_t i) -> SampleData {
    SplitMix64 random(i);
    Image image(side, side, 3);
    const auto level = static_cast<int>(i) % classes * 200 / classes;
    for (uint8_t& pixel : image.pixels)
      pixel = static_cast<uint8_t>(level + static_cast<int>(random.below(50)));
    return image;
  });
}

TrainingImages small_images(size_t count = 64) {
  return TrainingImages(coloured_images(count, 16, 2), 16, 3, find_preprocess("minus-one-one"), 1);
}

Space small_space() {
  Space space;
  space.name = "test";
  space.classes = 2;
  space.widths = {0.25, 0.5};
  space.resolutions = {12, 16};
  space.smallest_map = 2;
  space.stem_channels = 32;
  space.first_channels = 16;
  space.kernels = {3, 5, 7};
  space.expansions = {3, 4};
  space.squeeze_excite = {false, true};
  space.stages = {{24, 2, {1, 2}}, {40, 2, {1, 2}}};
  return space;
}

netspec::NetworkDescription small_network() {
  const Space space = small_space();
  SplitMix64 random(4);
  Genome genome = sample(space, 1, 1, random);
  genome.depths = {1, 0};
  genome.blocks[1].squeeze_excite = 1;
  return describe(space, genome);
}

TrainJob job_of(const TrainingImages& images) {
  TrainJob job;
  job.network = small_network();
  job.train = job.validation = &images;
  job.options.epochs = 3;
  job.options.batch = 16;
  job.options.rate = 0.02;
  job.options.threads = 1;
  job.options.seed = 7;
  return job;
}

}  // namespace

TEST_CASE("depthwise convolutions and their gradients are LibTorch's", "[training]") {
  at::manual_seed(1);
  for (const int64_t kernel : {3, 5, 7}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t channels : {3, 8, 24, 41}) {
        CAPTURE(kernel, stride, channels);
        const at::Tensor x = at::randn({2, channels, 9, 6});
        const at::Tensor w = at::randn({channels, 1, kernel, kernel}).requires_grad_();
        const at::Tensor theirs_in = x.clone().requires_grad_();
        const at::Tensor theirs = at::conv2d(theirs_in, w, {}, stride, kernel / 2, 1, channels);
        const at::Tensor mask = at::randn_like(theirs);
        const auto wanted = torch::autograd::grad({(theirs * mask).sum()}, {theirs_in, w});
        const at::Tensor ours_in = nhwc(x).requires_grad_();
        const at::Tensor ours = depthwise(ours_in, w, stride);
        CHECK(largest(ours - nhwc(theirs)) < 1e-4);
        const auto found = torch::autograd::grad({(ours * nhwc(mask)).sum()}, {ours_in, w});
        CHECK(largest(found[0] - nhwc(wanted[0])) < 1e-4);
        CHECK(largest(found[1] - wanted[1]) < 1e-3);
      }
    }
  }
}

TEST_CASE("batch norm with its activation and gradients are LibTorch's", "[training]") {
  at::manual_seed(2);
  Alone alone;
  using netspec::ActivationFunction;
  for (const auto activation : {ActivationFunction::None, ActivationFunction::Relu,
                                ActivationFunction::Relu6, ActivationFunction::HardSwish}) {
    for (const int64_t channels : {5, 16, 700}) {
      CAPTURE(netspec::activation_name(activation), channels);
      const at::Tensor x = (at::randn({3, channels, 4, 5}) * 3 + 1).requires_grad_();
      const at::Tensor gamma = (at::rand({channels}) + 2).requires_grad_();
      const at::Tensor beta = at::randn({channels}).requires_grad_();
      const at::Tensor normed = at::batch_norm(x, gamma, beta, {}, {}, true, 0.1, 1e-3, false);
      const at::Tensor theirs = activate(normed, activation);
      const at::Tensor mask = at::randn_like(theirs);
      const auto wanted = torch::autograd::grad({(theirs * mask).sum()}, {x, gamma, beta});
      const at::Tensor in = nhwc(x.detach()).requires_grad_();
      const at::Tensor ours = batch_norm(in, gamma, beta, 1e-3, activation, alone, nullptr);
      CHECK(largest(ours - nhwc(theirs)) < 1e-4);
      const auto found = torch::autograd::grad({(ours * nhwc(mask)).sum()}, {in, gamma, beta});
      CHECK(largest(found[0] - nhwc(wanted[0])) < 1e-4);
      CHECK(largest(found[1] - wanted[1]) < 1e-3);
      CHECK(largest(found[2] - wanted[2]) < 1e-3);
    }
  }
}

TEST_CASE("a network computes what its imported checkpoint computes", "[training]") {
  const netspec::NetworkDescription network = small_network();
  Parameters parameters = initial_parameters(network, 3);
  SplitMix64 random(5);
  for (auto& [name, value] : parameters) {
    if (value.dim() != 1) continue;  // batch norms that change something
    for (int64_t i = 0; i < value.numel(); ++i) value[i] = random.uniform(0.5F, 1.5F);
  }
  const Graph graph = netspec::build_trained_graph(network, to_state_dict(parameters));
  at::manual_seed(3);
  const at::Tensor image = at::randn({1, 3, 16, 16});
  Alone alone;
  OwnLayers layers(network.bn, parameters, alone, NormMode::Fixed);
  testing::check_same(graph, image, {run_network(network, nhwc(image), layers)});
}

TEST_CASE("two workers train as one does", "[training]") {
  const TrainingImages images = small_images();
  std::vector<std::vector<double>> losses;
  std::vector<TrainResult> results;
  for (const int threads : {1, 2}) {
    TrainJob job = job_of(images);
    job.options.threads = threads;
    losses.emplace_back();
    TrainHooks hooks;
    hooks.step = [&](int64_t, int64_t, int64_t, double loss) { losses.back().push_back(loss); };
    results.push_back(train_with_torch(job, hooks));
  }
  REQUIRE(losses[0].size() == 12);
  REQUIRE(losses[1].size() == 12);
  for (size_t i = 0; i < losses[0].size(); ++i)
    CHECK(losses[1][i] == Approx(losses[0][i]).margin(2e-3));
  CHECK(results[1].workers == 2);
  CHECK(losses[0].back() < losses[0].front() - 0.1);  // the classes are easily told apart
}

TEST_CASE("training goes on where it was interrupted, to the bit", "[training]") {
  const TrainingImages images = small_images();
  for (const OptimizerKind optimizer : {OptimizerKind::Sgd, OptimizerKind::AdamW}) {
    TrainJob job = job_of(images);
    job.options.optimizer = optimizer;
    const TrainResult whole = train_with_torch(job, {});

    int64_t epochs = 0;
    checkpoint::StateDict state;
    TrainHooks hooks;
    hooks.epoch = [&](const EpochReport& report, const checkpoint::StateDict& now,
                      const checkpoint::StateDict*) {
      epochs = report.epoch;
      state = now;
    };
    hooks.interrupted = [&] { return epochs == 2; };
    const TrainResult first = train_with_torch(job, hooks);
    CHECK(first.interrupted);
    CHECK(first.epochs == 2);
    job.resume = state;
    const TrainResult second = train_with_torch(job, {});
    CHECK(second.epochs == 3);
    CHECK(second.accuracy == whole.accuracy);
    for (const auto& [name, tensor] : whole.best) {
      CAPTURE(name);
      CHECK(*second.best.at(name).data == *tensor.data);
    }

    job.options.rate = 0.03;
    CHECK_THROWS_WITH(train_with_torch(job, {}), Catch::Contains("other options"));
    job.options.rate = 0.02;
    job.resume.erase("optimizer.momentum");
    CHECK_THROWS_WITH(train_with_torch(job, {}), Catch::Contains("'optimizer.momentum'"));
  }
}

TEST_CASE("quantization-aware training rounds, and learns", "[training]") {
  const netspec::NetworkDescription network = small_network();
  Parameters parameters = initial_parameters(network, 3);
  Alone alone;
  OwnLayers exact(network.bn, parameters, alone, NormMode::Batch);
  OwnLayers rounded(network.bn, parameters, alone, NormMode::Batch, true);
  const std::string name = "blocks.1.mobile_inverted_conv.depth_conv.conv";
  const at::Tensor w = exact.weight(name, {}), q = rounded.weight(name, {});
  const at::Tensor scale = w.abs().amax({1, 2, 3}, true) / 127;
  CHECK(largest(q / scale - at::round(q / scale)) < 1e-3);
  CHECK(((q - w).abs() <= scale * 0.5001).all().item<bool>());
  CHECK(largest(q - w) > 0);

  const TrainingImages images = small_images();
  TrainJob job = job_of(images);
  job.options.quantized = true;
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.step = [&](int64_t, int64_t, int64_t, double loss) { losses.push_back(loss); };
  train_with_torch(job, hooks);
  CHECK(losses.back() < losses.front() - 0.1);
}

TEST_CASE("weights to begin with must fit, but for the classifier", "[training]") {
  const TrainingImages images = small_images();
  TrainJob job = job_of(images);
  netspec::NetworkDescription other = job.network;
  other.classifier.out_features = 9;
  job.start = to_state_dict(initial_parameters(other, 0));
  job.options.epochs = 1;
  CHECK_NOTHROW(train_with_torch(job, {}));
  job.start.erase("first_conv.conv.weight");
  CHECK_THROWS_WITH(train_with_torch(job, {}), Catch::Contains("no 'first_conv.conv.weight'"));
}

TEST_CASE("a loss that is no number ends training", "[training]") {
  const TrainingImages images = small_images();
  TrainJob job = job_of(images);
  job.options.rate = 1e30;
  job.options.threads = 2;
  CHECK_THROWS_WITH(train_with_torch(job, {}), Catch::Contains("--rate"));
}

TEST_CASE("images without classes or of one class cannot be trained with", "[training]") {
  const Preprocess preprocess = find_preprocess("zero-one");
  const Dataset set = coloured_images(20, 16, 2);
  std::vector<size_t> even;
  for (size_t i = 0; i < 20; i += 2) even.push_back(i);
  CHECK_THROWS_WITH(TrainingImages(set.subset(even), 16, 3, preprocess, 1),
                    Catch::Contains("of one class"));
  const Dataset broken("broken", {"a", "b"}, {{"x", 0}, {"y", 1}},
                       [](size_t) -> SampleData { throw Error(ErrorKind::Input, "corrupt"); });
  CHECK_THROWS_AS(TrainingImages(broken, 16, 3, preprocess, 1), Error);
}

TEST_CASE("a supernet's networks are those that they are exported as", "[training]") {
  const TrainingImages images = small_images(40);
  SupernetJob job;
  job.space = small_space();
  job.places = {{0, 1}, {1, 0}, {1, 1}};
  job.train = job.validation = &images;
  job.options.epochs = 4;
  job.options.batch = 20;
  job.options.rate = 0.02;
  job.options.threads = 2;
  const auto supernet = make_supernet_with_torch(job, {}, {});
  SplitMix64 random(8);
  std::vector<Genome> genomes;
  for (const SubSpace& place : job.places)
    genomes.push_back(sample(job.space, place.width, place.resolution, random));
  const std::vector<double> judged = supernet->accuracies(genomes, 2);
  CHECK(judged == supernet->accuracies(genomes, 1));
  for (size_t i = 0; i < genomes.size(); ++i) {
    CAPTURE(encode(job.space, genomes[i]));
    const netspec::NetworkDescription network = describe(job.space, genomes[i]);
    const checkpoint::StateDict weights = supernet->weights(genomes[i]);
    CHECK_NOTHROW(netspec::build_trained_graph(network, weights));  // nothing missing or left over
    if (*network.resolution != 16) continue;
    Parameters own = from_state_dict(weights);
    Alone alone;
    OwnLayers layers(network.bn, own, alone, NormMode::Fixed);
    CHECK(accuracy_of(images, alone, [&](const at::Tensor& batch) {
            return run_network(network, batch, layers);
          }) == judged[i]);
  }
  // The same weights make the same supernet; those of another space are refused.
  const auto again = make_supernet_with_torch(job, {}, supernet->training().best);
  CHECK(again->accuracies(genomes, 2) == judged);
  job.space.kernels = {3, 5};
  CHECK_THROWS_AS(make_supernet_with_torch(job, {}, supernet->training().best), Error);
}

TEST_CASE("sorting expanded channels leaves the largest network as it is", "[training]") {
  const Space space = small_space();
  const SharedLayout layout(space, 1, 1);
  Parameters parameters = layout.initial(6);
  Genome genome;
  genome.width = genome.resolution = 1;
  genome.depths = {1, 1};
  genome.blocks.assign(space.blocks(), {2, 1, 1});
  at::manual_seed(4);
  const at::Tensor image = at::randn({4, 16, 16, 3});
  Alone alone;
  const auto scores = [&] {
    SharedLayers layers(layout, layout.blocks_of(space, genome), parameters, alone,
                        SharedLayers::Norm::Batch);
    return run_network(describe(space, genome), image, layers);
  };
  const at::Tensor before = scores();
  const at::Tensor weights =
      parameters.at("blocks.1.mobile_inverted_conv.point_linear.conv.weight");
  const at::Tensor unsorted = weights.clone();
  sort_expanded_channels(layout, {parameters});
  CHECK_FALSE(weights.equal(unsorted));
  const at::Tensor norms = weights.abs().sum({0, 2, 3});
  CHECK((norms.narrow(0, 0, norms.numel() - 1) >= norms.narrow(0, 1, norms.numel() - 1))
            .all()
            .item<bool>());
  CHECK(largest(scores() - before) < 1e-4);
}

}  // namespace mcunet
