#include "search/torch/supernet.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <sstream>

#include "libmcunet/netspec/write.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "search/torch/loop.h"
#include "search/torch/shared_layers.h"

namespace mcunet::search {
namespace {

// Shares of training at which a phase begins: elastic kernels, then depths, then the rest.
constexpr double kKernels = 0.25, kDepths = 0.4, kExpansions = 0.5;
// Among the weights, so that checkpoints know: 1 when the expanded channels have been sorted.
constexpr const char* kSorted = "expanded_channels_sorted";
constexpr const char* kIdentity = "identity";  // what trained weights belong to
constexpr int64_t kCalibrationImages = 1000, kCalibrationBatch = 250;

struct Freedom {
  bool kernels, depths, expansions;
};
Freedom freedom(double progress) {
  return {progress >= kKernels, progress >= kDepths, progress >= kExpansions};
}

// The place with the most or fewest channels and pixels, and there the most or least of everything.
Genome extreme_genome(const Space& space, const std::vector<SubSpace>& places, Extreme which) {
  SubSpace best = places.front();
  const auto size = [&](const SubSpace& p) {
    return space.widths[p.width] * space.widths[p.width] * space.resolutions[p.resolution] *
           space.resolutions[p.resolution];
  };
  for (const SubSpace& place : places) {
    if (which == Extreme::Largest ? size(place) > size(best) : size(place) < size(best))
      best = place;
  }
  return extreme_genome(space, best.width, best.resolution, which);
}

size_t widest(const Space& space, const std::vector<SubSpace>& places) {
  size_t best = places.front().width;
  for (const SubSpace& place : places) {
    if (space.widths[place.width] > space.widths[best]) best = place.width;
  }
  return best;
}

// The largest network may be at its best before the smaller ones have been trained at all.
SupernetJob with_last_weights(SupernetJob job) {
  job.options.last = true;
  return job;
}

class TorchSupernet : public Supernet {
 public:
  explicit TorchSupernet(const SupernetJob& job)
      : processes_(processes_from_environment()),
        job_(with_last_weights(job)),
        space_(job_.space),
        largest_(extreme_genome(space_, job_.places, Extreme::Largest)),
        smallest_(extreme_genome(space_, job_.places, Extreme::Smallest)),
        layout_(space_, widest(space_, job_.places), largest_.resolution) {}

  ~TorchSupernet() override {
    try {
      dismiss();
    } catch (const Error&) {  // they have ended already
    }
  }

  // All processes train, or none does.
  void agree(bool trained) {
    double count = trained ? 1 : 0;
    processes_->sum(&count, 1);
    if (count != 0 && count != processes_->size())
      throw Error(ErrorKind::Input,
                  "only some of the processes find a supernet that is trained already; copy the "
                  "first one's supernet.pth to all");
  }

  void train(const TrainHooks& hooks) {
    Objective objective;
    objective.gradients = [this](const Batch& batch, Parameters& leaves, Communicator& workers,
                                 int64_t step, double progress) {
      return sandwich(batch, leaves, workers, step, progress);
    };
    objective.judge = [this](Parameters& parameters, Communicator& workers) {
      return accuracy(largest_, parameters, workers);
    };
    bool seen = false;  // so that most steps need not look into the weights
    objective.prepare = [this, seen](const auto& vectors, double progress) mutable {
      if (progress < kExpansions || seen) return;
      seen = true;
      const std::vector<Parameters> all = vectors();
      at::Tensor sorted = all.front().at(kSorted);
      if (sorted.item<float>() > 0) return;  // before the checkpoint
      sort_expanded_channels(layout_, all);
      sorted.fill_(1);
    };
    TrainJob job;
    job.train = job_.train;
    job.validation = job_.validation;
    job.options = job_.options;
    job.resume = job_.resume;
    Parameters start = layout_.initial(job_.options.seed);
    start[kSorted] = at::zeros({1});
    result_ = run_training(start, job, identity(), objective, hooks, *processes_);
    result_.best.merge(to_state_dict({{kIdentity, fingerprint(identity())}}));
    adopt(result_.best);
    judges_ = !result_.interrupted;
  }

  void adopt(const checkpoint::StateDict& trained) {
    parameters_ = from_state_dict(trained);
    const auto owner = parameters_.find(kIdentity);
    if (owner == parameters_.end() || !owner->second.equal(fingerprint(identity())))
      throw Error(ErrorKind::Input,
                  "the supernet was trained for another space, with other images or other options; "
                  "give the same ones, or start anew without --resume");
    for (const auto& [name, value] : layout_.initial(0)) {
      const auto found = parameters_.find(name);
      if (found == parameters_.end() || found->second.sizes() != value.sizes())
        throw Error(ErrorKind::Input, "the supernet's weights are of another space ('" + name +
                                          "' is missing or of another shape)");
    }
    judges_ = true;
  }

  std::vector<double> accuracies(const std::vector<Genome>& networks, int threads) const override {
    if (networks.empty()) return {};
    return shared_accuracies(exchanged(networks), threads);
  }

  void serve(int threads) const override {
    for (;;) {
      const std::vector<Genome> networks = exchanged({});
      if (networks.empty()) return;
      shared_accuracies(networks, threads);
    }
  }

  void dismiss() override {
    if (judges_ && processes_->rank() == 0) exchanged({});
    processes_ = std::make_unique<Alone>();
  }

  checkpoint::StateDict weights(const Genome& genome) const override {
    const at::NoGradGuard guard;
    Alone alone;
    Parameters shared = parameters_;
    const netspec::NetworkDescription network = describe(space_, genome);
    CollectedMoments moments;
    calibrate(genome, network, shared, alone, moments);
    const std::vector<size_t> blocks = layout_.blocks_of(space_, genome);
    SharedLayers layers(layout_, blocks, shared, alone, SharedLayers::Norm::Fixed, &moments);
    Parameters own;
    for (auto& [name, value] : initial_parameters(network, 0)) {
      const size_t dot = name.rfind('.');
      const std::string layer = name.substr(0, dot), part = name.substr(dot + 1);
      const std::string there = shared_name(layer, blocks);
      if (part == "running_mean") {
        value = moments.mean.at(there);
      } else if (part == "running_var") {
        value = moments.variance.at(there);
      } else if (part == "weight" && value.dim() > 1) {
        value = layers.weight(there, value.sizes().vec());
      } else if (part == "weight") {
        value = shared.at(there + ".weight").narrow(0, 0, value.size(0));
      } else {
        value = layers.bias(there, value.size(0));
      }
      own[name] = value.contiguous();
    }
    return to_state_dict(own);
  }

  const TrainResult& training() const override { return result_; }

 private:
  // What the first process wants to be judged, everywhere; nothing when it wants nothing any more.
  std::vector<Genome> exchanged(const std::vector<Genome>& networks) const {
    if (processes_->size() == 1) return networks;
    std::string text;
    for (const Genome& network : networks) text += encode(space_, network) + '\n';
    auto length = static_cast<double>(text.size());
    processes_->sum(&length, 1);
    std::vector<double> letters(text.begin(), text.end());
    letters.resize(static_cast<size_t>(length));
    if (!letters.empty()) processes_->sum(letters.data(), static_cast<int64_t>(letters.size()));
    std::istringstream lines(std::string(letters.begin(), letters.end()));
    std::vector<Genome> result;
    while (std::getline(lines, text)) result.push_back(decode(space_, text));
    return result;
  }

  // Each process judges every so many of them.
  std::vector<double> shared_accuracies(const std::vector<Genome>& networks, int threads) const {
    at::set_num_threads(1);
    const auto rank = static_cast<size_t>(processes_->rank());
    const auto size = static_cast<size_t>(processes_->size());
    std::vector<double> result(networks.size(), 0);
    const size_t own = networks.size() / size + (rank < networks.size() % size ? 1 : 0);
    parallel_for(own, threads, [&](size_t i) {
      const at::NoGradGuard guard;
      Alone alone;
      Parameters parameters = parameters_;
      result[i * size + rank] = accuracy(networks[i * size + rank], parameters, alone);
    });
    processes_->sum(result.data(), static_cast<int64_t>(result.size()));
    return result;
  }

  // "blocks.3.x" of a part in the supernet.
  static std::string shared_name(const std::string& layer, const std::vector<size_t>& blocks) {
    const std::string prefix = "blocks.";
    if (layer.rfind(prefix, 0) != 0) return layer;
    const size_t end = layer.find('.', prefix.size());
    const size_t index = std::stoul(layer.substr(prefix.size(), end - prefix.size()));
    return prefix + std::to_string(blocks.at(index)) + layer.substr(end);
  }

  std::string identity() const {
    std::ostringstream text;
    text << "supernet " << netspec::write_description(layout_.largest) << job_.random_networks;
    for (const SubSpace& place : job_.places) text << ' ' << place.width << 'x' << place.resolution;
    text << ' ' << identity_of(job_.options, *job_.train, *job_.validation);
    return text.str();
  }

  // `genome` with the largest network's choices where there is no freedom yet.
  Genome within(const Freedom& free, Genome genome) const {
    if (!free.expansions) {
      genome.width = largest_.width;
      genome.resolution = largest_.resolution;
    }
    if (!free.depths) genome.depths = largest_.depths;
    for (size_t i = 0; i < genome.blocks.size(); ++i) {
      if (!free.kernels) genome.blocks[i].kernel = largest_.blocks[i].kernel;
      if (free.expansions) continue;
      genome.blocks[i].expansion = largest_.blocks[i].expansion;
      genome.blocks[i].squeeze_excite = largest_.blocks[i].squeeze_excite;
    }
    return genome;
  }

  Genome random_genome(SplitMix64& random) const {
    const SubSpace place = job_.places[random.below(job_.places.size())];
    return sample(space_, place.width, place.resolution, random);
  }

  at::Tensor resized(const at::Tensor& images, const netspec::NetworkDescription& network) const {
    const int64_t side = *network.resolution;
    if (images.size(1) == side) return images;
    return at::_upsample_bilinear2d_aa(images.permute({0, 3, 1, 2}), {side, side}, false)
        .permute({0, 2, 3, 1})
        .contiguous();
  }

  double sandwich(const Batch& batch, Parameters& leaves, Communicator& workers, int64_t step,
                  double progress) const {
    const Freedom free = freedom(progress);
    const auto loss_of = [&](const Genome& genome, const at::Tensor& targets, at::Tensor* scores) {
      const netspec::NetworkDescription network = describe(space_, genome);
      SharedLayers layers(layout_, layout_.blocks_of(space_, genome), leaves, workers,
                          SharedLayers::Norm::Batch);
      const at::Tensor out = run_network(network, resized(batch.images, network), layers);
      const at::Tensor loss = cross_entropy(out, targets, batch.size);
      loss.backward();
      if (scores != nullptr) *scores = out.detach();
      return loss.item<double>();
    };
    at::Tensor scores;
    const double loss = loss_of(largest_, batch.targets, &scores);
    if (!free.kernels) return loss;
    const at::Tensor targets = at::softmax(scores, 1);
    loss_of(within(free, smallest_), targets, nullptr);
    SplitMix64 random = random_stream(job_.options.seed, 0x6E6574, static_cast<uint64_t>(step));
    for (int i = 0; i < job_.random_networks; ++i)
      loss_of(within(free, random_genome(random)), targets, nullptr);
    return loss;
  }

  void calibrate(const Genome& genome, const netspec::NetworkDescription& network,
                 Parameters& parameters, Communicator& workers, CollectedMoments& moments) const {
    SharedLayers layers(layout_, layout_.blocks_of(space_, genome), parameters, workers,
                        SharedLayers::Norm::Collect, &moments);
    const auto images = static_cast<int64_t>(job_.train->size());
    const int64_t count = std::min(kCalibrationImages, images);
    const int64_t batches = (count + kCalibrationBatch - 1) / kCalibrationBatch;
    for (int64_t b = 0; b < batches; ++b) {
      std::vector<size_t> indices;  // each batch from all over the set, whatever its order
      for (int64_t i = b; i < count; i += batches)
        indices.push_back(static_cast<size_t>(i * images / count));
      const at::Tensor batch = image_batch(*job_.train, indices);
      run_network(network, resized(batch.to(parameters.begin()->second.device()), network), layers);
    }
  }

  double accuracy(const Genome& genome, Parameters& parameters, Communicator& workers) const {
    const at::NoGradGuard guard;
    const netspec::NetworkDescription network = describe(space_, genome);
    CollectedMoments moments;
    Alone alone;  // the same calibration everywhere
    calibrate(genome, network, parameters, alone, moments);
    SharedLayers layers(layout_, layout_.blocks_of(space_, genome), parameters, alone,
                        SharedLayers::Norm::Fixed, &moments);
    return accuracy_of(*job_.validation, workers, [&](const at::Tensor& batch) {
      const at::Device device = parameters.begin()->second.device();
      return run_network(network, resized(batch.to(device), network), layers);
    });
  }

  std::unique_ptr<Communicator> processes_;
  SupernetJob job_;
  const Space& space_;
  Genome largest_, smallest_;
  SharedLayout layout_;
  Parameters parameters_;
  TrainResult result_;
  bool judges_ = false;  // the others serve()
};

}  // namespace

std::unique_ptr<Supernet> make_supernet_with_torch(const SupernetJob& job, const TrainHooks& hooks,
                                                   const checkpoint::StateDict& trained) {
  auto supernet = std::make_unique<TorchSupernet>(job);
  supernet->agree(!trained.empty());
  if (trained.empty()) {
    supernet->train(hooks);
  } else {
    supernet->adopt(trained);
  }
  return supernet;
}

}  // namespace mcunet::search
