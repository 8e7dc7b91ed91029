#include "apps/mcunet/supernet_search.h"

#include <algorithm>

#include "apps/mcunet/command.h"
#include "apps/mcunet/torch_door.h"
#include "libmcunet/checkpoint/write.h"
#include "libmcunet/data/metrics.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/support/files.h"

namespace mcunet::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTrained = "supernet.pth";
constexpr const char* kState = "supernet.training";

// The first that can be read; a corrupt one is a matter of training_images().
Image first_image(const Dataset& set) {
  for (size_t i = 0; i < set.size(); ++i) {
    try {
      const SampleData data = set.load(i);
      if (const auto* image = std::get_if<Image>(&data)) return *image;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input) throw;
    }
  }
  throw Error(ErrorKind::Input, set.kind() + ": none of the images can be read");
}

}  // namespace

SupernetSearch::SupernetSearch(const SupernetOptions& options, ProgressMode mode)
    : options_(options),
      leads_(leads_processes()),
      mode_(leads_ ? mode : ProgressMode::None),
      log_(LogLevel::Info),
      sets_(open_training_sets(options.data, options.validation, options.holdout,
                               options.train.seed)),
      preprocess_(find_preprocess(options.preprocess)) {
  if (!options.budget.empty()) {
    options_.train.budget_s = parse_seconds(options.budget, "--supernet-budget");
    options_.train.epochs = 0;
  }

  // Candidates are judged on images of all classes.
  sets_.validation = sets_.validation.choose(options.score_images, options.train.seed);
  const Image first = first_image(sets_.train);
  channels_ = first.channels;
  side_ = std::min(first.width, first.height);
}

search::Space SupernetSearch::adapted(search::Space space) const {
  space.classes = std::max(2, static_cast<int32_t>(sets_.train.classes().size()));
  space.in_channels = channels_;
  std::vector<int32_t> kept;
  for (const int32_t resolution : space.resolutions) {
    if (resolution <= side_) kept.push_back(resolution);
  }
  if (kept.empty())
    kept.push_back(*std::min_element(space.resolutions.begin(), space.resolutions.end()));
  space.resolutions = kept;
  return space;
}

void SupernetSearch::train(const search::Space& space, const std::vector<search::SubSpace>& places,
                           const fs::path& directory, bool resume, const InterruptScope& signals) {
  const search::MakeSupernet make = torch_supernet();
  space_ = space;
  int32_t resolution = 0;
  for (const search::SubSpace& place : places)
    resolution = std::max(resolution, space.resolutions[place.resolution]);
  const auto images = [&](const Dataset& set) {
    return training_images(set, resolution, space.in_channels, preprocess_, options_.train.threads,
                           log_);
  };
  train_images_.emplace(images(sets_.train));
  validation_images_.emplace(images(sets_.validation));

  search::SupernetJob job;
  job.space = space;
  job.places = places;
  job.train = &*train_images_;
  job.validation = &*validation_images_;
  job.options = options_.train;
  std::error_code error;
  if (resume && fs::exists(directory / kTrained, error)) {
    supernet_ = make(job, {}, checkpoint::read_state_dict(directory / kTrained));
    return;
  }
  if (resume) job.resume = checkpoint::read_state_dict(directory / kState);
  if (leads_) fs::create_directories(directory);
  if (leads_ && !resume) {  // what an earlier search left
    for (const char* stale : {kTrained, "checkpoint.json"}) fs::remove(directory / stale, error);
  }

  TrainProgress shown("supernet", mode_);
  search::TrainHooks hooks = shown.hooks(signals);
  hooks.epoch = [&](const search::EpochReport& report, const checkpoint::StateDict& state,
                    const checkpoint::StateDict*) {
    write_file_atomically(directory / kState, checkpoint::write_state_dict(state));
    shown.epoch(report, log_);
  };

  supernet_ = make(job, hooks, {});
  const search::TrainResult& trained = supernet_->training();
  if (trained.interrupted)
    throw Error(ErrorKind::Interrupted,
                trained.epochs == 0
                    ? "interrupted in the supernet's first epoch; nothing is saved"
                    : "interrupted after epoch " + std::to_string(trained.epochs) +
                          " of the supernet; the same command with --resume goes on");
  if (!leads_) return;
  write_file_atomically(directory / kTrained, checkpoint::write_state_dict(trained.best));
  fs::remove(directory / kState, error);
}

std::vector<double> SupernetSearch::accuracies(
    const std::vector<search::Individual>& networks) const {
  std::vector<search::Genome> fresh;
  std::vector<std::string> codes;
  for (const search::Individual& one : networks) {
    const std::string code = search::encode(space_, one.genome);
    const bool asked = std::find(codes.begin(), codes.end(), code) != codes.end();
    if (known_.count(code) > 0 || asked) continue;
    codes.push_back(code);
    fresh.push_back(one.genome);
  }
  const std::vector<double> found = supernet_->accuracies(fresh, options_.train.threads);
  for (size_t i = 0; i < fresh.size(); ++i) known_[codes[i]] = found[i];
  std::vector<double> result;
  for (const search::Individual& one : networks)
    result.push_back(known_.at(search::encode(space_, one.genome)));
  return result;
}

double SupernetSearch::error(double accuracy) const {
  const auto images = static_cast<int64_t>(validation_images_->size());
  const Interval interval =
      wilson_interval(static_cast<int64_t>(accuracy / 100 * static_cast<double>(images)), images);
  return 50 * (interval.high - interval.low);
}

std::string SupernetSearch::description(const search::Genome& genome) const {
  return netspec::write_description(search::describe(space_, genome), preprocess_);
}

std::vector<uint8_t> SupernetSearch::weights(const search::Genome& genome) const {
  return checkpoint::write_state_dict(supernet_->weights(genome));
}

}  // namespace mcunet::app
