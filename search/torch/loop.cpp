#include "search/torch/loop.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <sstream>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "libmcunet/support/sha256.h"

namespace mcunet::search {
namespace {

constexpr int64_t kEvaluationBatch = 200;

std::vector<size_t> permutation(size_t count, SplitMix64 random) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

struct Part {
  int64_t begin, end;
};
Part part_of(int64_t count, const Communicator& workers) {
  return {count * workers.rank() / workers.size(), count * (workers.rank() + 1) / workers.size()};
}

// Of the beta distribution with both parameters `a`, by Jöhnk's method.
double beta(double a, SplitMix64& random) {
  for (int tries = 0; tries < 1000; ++tries) {
    const double x = std::pow(random.unit(), 1 / a), y = std::pow(random.unit(), 1 / a);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
  return 0.5;
}

at::Device device_of(const std::string& name) {
  if (name == "cpu" || (name == "auto" && !at::hasCUDA())) return at::kCPU;
  if (at::hasCUDA()) return at::kCUDA;
  throw Error(ErrorKind::Usage,
              "--device cuda: LibTorch finds no GPU here, or is built without CUDA as Debian's is");
}

void put(checkpoint::StateDict& state, const std::string& name, const at::Tensor& value) {
  for (auto& [_, tensor] : to_state_dict({{name, value}})) state[name] = tensor;
}

class Loop {
 public:
  Loop(const Parameters& start, const TrainJob& job, const std::string& identity,
       const Objective& objective, const TrainHooks& hooks, Communicator& processes)
      : job_(job),
        options_(job.options),
        objective_(objective),
        hooks_(hooks),
        processes_(processes),
        identity_(fingerprint(identity)),
        device_(device_of(options_.device)),
        weights_(start, true, device_),
        moments_(start, false, device_),
        average_(weights_.clone()),
        average_moments_(moments_.clone()),
        best_(weights_.clone()),
        best_moments_(moments_.clone()),
        optimizer_(options_, weights_.decayed()) {
    images_ = static_cast<int64_t>(job.train->size());
    batch_ = std::min(options_.batch, images_);
    steps_ = std::max<int64_t>(1, images_ / batch_);
    if (!job.resume.empty()) restore(from_state_dict(job.resume));
  }

  TrainResult run() {
    // A GPU is one worker.
    const auto most = static_cast<int>(std::max<int64_t>(1, batch_ / processes_.size()));
    const int threads = device_ != at::kCPU    ? 1
                        : options_.threads > 0 ? options_.threads
                                               : std::min(default_threads(), most);
    at::set_num_threads(1);  // the workers are the threads
    if (batch_ < static_cast<int64_t>(threads) * processes_.size())
      throw Error(ErrorKind::Usage, "a batch of " + std::to_string(batch_) +
                                        " images is too small for " +
                                        std::to_string(threads * processes_.size()) + " workers");
    if (!same_everywhere(identity_))
      throw Error(ErrorKind::Input,
                  "the processes train different networks, with different images or options");
    if (!same_everywhere(at::full({1}, epoch_)))
      throw Error(ErrorKind::Input,
                  "the processes go on from checkpoints of different epochs; copy the first one's "
                  ".training file to all");
    begin_ = std::chrono::steady_clock::now();
    ThreadTeam team(threads, processes_);
    TrainResult result;
    team.run([&](Communicator& workers) { work(workers, workers.rank() % threads == 0); });
    result.best = to_state_dict(merged(best_, best_moments_));
    result.accuracy = best_accuracy_;
    result.epochs = epoch_;
    result.seconds = seconds();
    result.rank = processes_.rank();
    result.workers = threads * processes_.size();
    result.interrupted = interrupted_;
    return result;
  }

 private:
  // In at least one of the processes when not.
  bool same_everywhere(const at::Tensor& numbers) const {
    const at::Tensor sum = numbers.to(at::kDouble).clone();
    processes_.sum(sum.data_ptr<double>(), sum.numel());
    return sum.equal(numbers.to(at::kDouble) * processes_.size());
  }

  static Parameters merged(const ParameterVector& weights, const ParameterVector& moments) {
    Parameters all = weights.views();
    for (auto& [name, view] : moments.views()) all[name] = view;
    return all;
  }

  double seconds() const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    return seconds_before_ + took.count();
  }

  double progress(int64_t step) const {
    double share = 0;
    if (options_.epochs > 0)
      share = static_cast<double>(epoch_ * steps_ + step) /
              static_cast<double>(options_.epochs * steps_);
    if (options_.budget_s > 0) share = std::max(share, seconds() / options_.budget_s);
    return std::min(1.0, share);
  }

  // One thread. `lead`: the one of its process that changes what all share.
  void work(Communicator& workers, bool lead) {
    Parameters leaves = merged(weights_, moments_);
    std::vector<std::string> names;  // in the order of the vector
    for (auto& [name, view] : weights_.views()) {
      leaves[name] = view.detach().requires_grad_(true);
      names.push_back(name);
    }
    double share = agree(workers, 0).progress;
    while (share < 1 && !stopped_) {
      double loss = 0;
      int64_t done = 0;
      const std::vector<size_t> order =
          permutation(static_cast<size_t>(images_),
                      random_stream(options_.seed, static_cast<uint64_t>(epoch_), 0));
      for (int64_t step = 0; step < steps_; ++step) {
        if (lead && objective_.prepare) objective_.prepare([this] { return vectors(); }, share);
        const Agreement agreed = agree(workers, step);
        if (agreed.interrupted) return;
        share = agreed.progress;
        if (share >= 1 && done > 0) break;
        loss += one_step(workers, lead, leaves, names, order, step, share);
        ++done;
        if (workers.rank() == 0 && hooks_.step)
          hooks_.step(epoch_ + 1, (step + 1) * batch_, steps_ * batch_,
                      loss / static_cast<double>(done));
      }
      end_of_epoch(workers, lead, loss / static_cast<double>(std::max<int64_t>(done, 1)));
      share = agree(workers, 0).progress;
    }
    agree(workers, 0);
    if (lead) interrupted_ = false;  // too late: it is complete
  }

  struct Agreement {
    double progress;
    bool interrupted;
  };
  // The first worker's progress holds for all, and anybody's interruption; also the point that all
  // wait for before they read what the leads have changed.
  Agreement agree(Communicator& workers, int64_t step) {
    double values[2] = {0, 0};
    if (workers.rank() == 0) values[0] = progress(step);
    if (hooks_.interrupted && hooks_.interrupted()) values[1] = 1;  // in any of the processes
    workers.sum(values, 2);
    if (values[1] > 0) interrupted_ = true;
    return {values[0], values[1] > 0};
  }

  // Everything that has the weights' layout.
  std::vector<Parameters> vectors() const {
    std::vector<Parameters> vectors = {weights_.views(), average_.views()};
    for (const auto& [name, value] : optimizer_.state()) {
      if (value.numel() != weights_.values().numel()) continue;
      ParameterVector same = weights_.clone();
      same.values() = value;
      vectors.push_back(same.views());
    }
    return vectors;
  }

  Batch batch(Communicator& workers, const std::vector<size_t>& order, int64_t step) const {
    const TrainingImages& set = *job_.train;
    const Part part = part_of(batch_, workers);
    Batch result;
    result.size = batch_;
    const int64_t side = set.resolution();
    result.images = at::empty({part.end - part.begin, side, side, set.channels()});
    std::vector<int> labels;
    for (int64_t i = part.begin; i < part.end; ++i) {
      const size_t image = order[static_cast<size_t>(step * batch_ + i)];
      // The variation of an image does not depend on who makes it.
      SplitMix64 random = random_stream(options_.seed, static_cast<uint64_t>(epoch_), 1 + image);
      set.vary(image, options_.augmentation, random,
               result.images.data_ptr<float>() + (i - part.begin) * result.images.stride(0));
      labels.push_back(set.label(image));
    }
    result.targets = smoothed_labels(labels, set.classes(), options_.label_smoothing);
    if (options_.mixup > 0) {
      SplitMix64 random =
          random_stream(options_.seed, static_cast<uint64_t>(epoch_ * steps_ + step), 0x6D6978);
      const double share = beta(options_.mixup, random);
      result.images = result.images * share + result.images.flip({0}) * (1 - share);
      result.targets = result.targets * share + result.targets.flip({0}) * (1 - share);
    }
    result.images = result.images.to(device_);
    result.targets = result.targets.to(device_);
    return result;
  }

  double one_step(Communicator& workers, bool lead, Parameters& leaves,
                  const std::vector<std::string>& names, const std::vector<size_t>& order,
                  int64_t step, double share) {
    for (const std::string& name : names) leaves.at(name).mutable_grad() = at::Tensor();
    const double loss = objective_.gradients(batch(workers, order, step), leaves, workers,
                                             epoch_ * steps_ + step, share);
    std::vector<at::Tensor> parts;
    for (const std::string& name : names) {
      const at::Tensor& leaf = leaves.at(name);
      parts.push_back(leaf.grad().defined() ? leaf.grad().flatten()
                                            : at::zeros({leaf.numel()}, leaf.options()));
    }
    parts.push_back(at::full({1}, loss, weights_.values().options()));
    const at::Tensor all = at::cat(parts).cpu();
    workers.sum(all.data_ptr<float>(), all.numel());
    const double total = all[-1].item<double>();
    if (!std::isfinite(total))
      throw Error(ErrorKind::Mismatch, "the loss is no number any more in epoch " +
                                           std::to_string(epoch_ + 1) +
                                           "; try a lower --rate, or look for strange images");
    if (lead) update(all.narrow(0, 0, all.numel() - 1).to(device_), step, share);
    return total;
  }

  void update(const at::Tensor& gradient, int64_t step, double share) {
    const at::NoGradGuard guard;
    optimizer_.step(weights_.values(), gradient, options_.rate * rate_share(options_, share));
    const auto t = static_cast<double>(epoch_ * steps_ + step);
    const double keep = std::min(options_.average, (1 + t) / (10 + t));
    average_.values().lerp_(weights_.values(), 1 - keep);
    average_moments_.values().lerp_(moments_.values(), 1 - keep);
  }

  void end_of_epoch(Communicator& workers, bool lead, double loss) {
    const at::NoGradGuard guard;
    agree(workers, 0);  // the averages are those of the last step
    Parameters judged = merged(average_, average_moments_);
    // As checkpoints hold it, so that equal ones are equal after a resume too.
    const double accuracy = static_cast<float>(objective_.judge(judged, workers));
    const double share = agree(workers, steps_).progress;
    if (lead) {
      ++epoch_;
      ++without_better_;
      const bool best = options_.last || epoch_ == 1 || accuracy > best_accuracy_;
      if (best) {
        best_accuracy_ = accuracy;
        best_.values().copy_(average_.values());
        best_moments_.values().copy_(average_moments_.values());
        without_better_ = 0;
      }
      stopped_ = options_.patience > 0 && without_better_ >= options_.patience;
      if (workers.rank() == 0 && hooks_.epoch) {
        EpochReport report{epoch_, share, loss, accuracy, best, seconds()};
        checkpoint::StateDict winner;
        if (best) winner = to_state_dict(merged(best_, best_moments_));
        hooks_.epoch(report, state(), best ? &winner : nullptr);
      }
    }
    agree(workers, 0);
  }

  checkpoint::StateDict state() const {
    checkpoint::StateDict all;
    put(all, "weights", weights_.values());
    put(all, "moments", moments_.values());
    put(all, "average", average_.values());
    put(all, "average_moments", average_moments_.values());
    put(all, "best", best_.values());
    put(all, "best_moments", best_moments_.values());
    for (const auto& [name, value] : optimizer_.state()) put(all, "optimizer." + name, value);
    at::Tensor figures = at::zeros({4});
    figures[0] = static_cast<float>(epoch_);
    figures[1] = static_cast<float>(seconds());
    figures[2] = static_cast<float>(best_accuracy_);
    figures[3] = static_cast<float>(without_better_);
    put(all, "figures", figures);
    put(all, "identity", identity_);
    return all;
  }

  void restore(const Parameters& state) {
    const auto get = [&](const std::string& name, const at::Tensor& like) -> const at::Tensor& {
      const auto found = state.find(name);
      if (found != state.end() && found->second.sizes() == like.sizes()) return found->second;
      throw Error(ErrorKind::Input,
                  "the checkpoint is none of this training: '" + name +
                      "' is missing or of another size; start anew without --resume");
    };
    if (!get("identity", identity_).equal(identity_))
      throw Error(ErrorKind::Input,
                  "the checkpoint belongs to another network, other images or other options; give "
                  "the same ones, or start anew without --resume");
    for (auto& [name, vector] : std::vector<std::pair<std::string, at::Tensor*>>{
             {"weights", &weights_.values()},
             {"moments", &moments_.values()},
             {"average", &average_.values()},
             {"average_moments", &average_moments_.values()},
             {"best", &best_.values()},
             {"best_moments", &best_moments_.values()}}) {
      vector->copy_(get(name, *vector));
    }
    Parameters optimizer;
    for (const auto& [name, value] : optimizer_.state())
      optimizer[name] = get("optimizer." + name, value);
    optimizer_.restore(optimizer);
    const at::Tensor& figures = get("figures", at::zeros({4}));
    epoch_ = static_cast<int64_t>(figures[0].item<float>());
    seconds_before_ = figures[1].item<double>();
    best_accuracy_ = figures[2].item<double>();
    without_better_ = static_cast<int64_t>(figures[3].item<float>());
    stopped_ = options_.patience > 0 && without_better_ >= options_.patience;
  }

  const TrainJob& job_;
  const TrainOptions& options_;
  const Objective& objective_;
  const TrainHooks& hooks_;
  Communicator& processes_;
  at::Tensor identity_;
  at::Device device_;
  ParameterVector weights_, moments_, average_, average_moments_, best_, best_moments_;
  Optimizer optimizer_;
  int64_t images_ = 0, batch_ = 0, steps_ = 0;
  int64_t epoch_ = 0, without_better_ = 0;
  double best_accuracy_ = 0, seconds_before_ = 0;
  std::atomic<bool> interrupted_{false}, stopped_{false};
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace

ParameterVector::ParameterVector(const Parameters& parameters, bool learned, at::Device device) {
  std::vector<at::Tensor> parts = {at::empty({0})};
  for (const auto& [name, value] : parameters) {
    if (is_learned(name) != learned) continue;
    shapes_.emplace_back(name, value.sizes().vec());
    parts.push_back(value.detach().flatten().to(at::kFloat));
  }
  values_ = at::cat(parts).to(device);
}

ParameterVector ParameterVector::clone() const {
  ParameterVector copy = *this;
  copy.values_ = values_.clone();
  return copy;
}

Parameters ParameterVector::views() const {
  Parameters views;
  int64_t offset = 0;
  for (const auto& [name, shape] : shapes_) {
    const int64_t count =
        std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    views[name] = values_.narrow(0, offset, count).view(shape);
    offset += count;
  }
  return views;
}

at::Tensor ParameterVector::decayed() const {
  std::vector<at::Tensor> parts = {at::empty({0})};
  for (const auto& [name, view] : views())
    parts.push_back(at::full({view.numel()}, view.dim() > 1 ? 1.0 : 0.0));
  return at::cat(parts).to(values_.device());
}

at::Tensor image_batch(const TrainingImages& images, const std::vector<size_t>& indices) {
  const int64_t side = images.resolution();
  at::Tensor batch =
      at::empty({static_cast<int64_t>(indices.size()), side, side, images.channels()});
  for (size_t i = 0; i < indices.size(); ++i)
    images.get(indices[i], batch.data_ptr<float>() + static_cast<int64_t>(i) * batch.stride(0));
  return batch;
}

double accuracy_of(const TrainingImages& images, Communicator& workers,
                   const std::function<at::Tensor(const at::Tensor&)>& scores) {
  const at::NoGradGuard guard;
  const Part part = part_of(static_cast<int64_t>(images.size()), workers);
  double counts[2] = {0, static_cast<double>(part.end - part.begin)};
  for (int64_t from = part.begin; from < part.end; from += kEvaluationBatch) {
    std::vector<size_t> indices;
    for (int64_t i = from; i < std::min(part.end, from + kEvaluationBatch); ++i)
      indices.push_back(static_cast<size_t>(i));
    const at::Tensor classes = scores(image_batch(images, indices)).argmax(1).cpu();
    for (size_t i = 0; i < indices.size(); ++i) {
      if (classes[static_cast<int64_t>(i)].item<int64_t>() == images.label(indices[i]))
        counts[0] += 1;
    }
  }
  workers.sum(counts, 2);
  return 100 * counts[0] / counts[1];
}

SplitMix64 random_stream(uint64_t seed, uint64_t a, uint64_t b) {
  SplitMix64 first(seed + 1);
  SplitMix64 second(first.next() ^ a);
  SplitMix64 third(second.next() ^ b);
  return SplitMix64(third.next());
}

std::string identity_of(const TrainOptions& o, const TrainingImages& train,
                        const TrainingImages& validation) {
  std::ostringstream text;
  text << o.epochs << ' ' << o.budget_s << ' ' << o.batch << ' ' << static_cast<int>(o.optimizer)
       << ' ' << o.rate << ' ' << o.warm_up << ' ' << o.momentum << ' ' << o.weight_decay << ' '
       << o.label_smoothing << ' ' << o.mixup << ' ' << o.average << ' ' << o.patience << ' '
       << o.last << o.quantized << o.augmentation.crop << o.augmentation.flip
       << o.augmentation.colour << ' ' << o.seed;
  constexpr size_t kLooks = 16;
  for (const TrainingImages* images : {&train, &validation}) {
    text << ' ' << images->size();
    for (size_t i = 0; i < std::min(kLooks, images->size()); ++i) {
      const size_t index = i * images->size() / std::min(kLooks, images->size());
      const at::Tensor pixels = image_batch(*images, {index});
      const std::string_view bytes(static_cast<const char*>(pixels.data_ptr()), pixels.nbytes());
      text << ' ' << images->label(index) << sha256_hex(bytes).substr(0, 8);
    }
  }
  return text.str();
}

at::Tensor fingerprint(const std::string& identity) {
  const std::string hash = sha256_hex(identity);
  at::Tensor numbers = at::empty({8});
  for (int i = 0; i < 8; ++i)
    numbers[i] =
        static_cast<float>(std::stoul(hash.substr(static_cast<size_t>(4 * i), 4), nullptr, 16));
  return numbers;
}

TrainResult run_training(const Parameters& start, const TrainJob& job, const std::string& identity,
                         const Objective& objective, const TrainHooks& hooks,
                         Communicator& processes) {
  return Loop(start, job, identity, objective, hooks, processes).run();
}

}  // namespace mcunet::search
