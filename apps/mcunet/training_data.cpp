#include "apps/mcunet/training_data.h"

#include <cstdlib>
#include <set>

#include "libmcunet/support/error.h"
#include "libmcunet/support/table.h"

namespace mcunet::app {

TrainingSets open_training_sets(const std::string& data, const std::string& validation,
                                double holdout, uint64_t seed) {
  const auto open = [](const std::string& path, Split split) {
    Dataset set = open_dataset(path, split);
    search::require_classes(set, path);
    return set;
  };
  const Dataset all = open(data, Split::Train);
  if (!validation.empty()) {
    const Dataset other = open(validation, Split::Test);
    if (other.classes() == all.classes()) return {all, other};
    throw Error(ErrorKind::Input, validation + ": its " + std::to_string(other.classes().size()) +
                                      " classes are not the " +
                                      std::to_string(all.classes().size()) + " of " + data +
                                      "; both need the same folders or names");
  }
  const auto count = static_cast<size_t>(static_cast<double>(all.size()) * holdout);
  if (count < 2 || count >= all.size())
    throw Error(ErrorKind::Input, data + ": " + std::to_string(all.size()) +
                                      " images are too few to keep some for validation; name "
                                      "others with --val");
  const Dataset kept = all.choose(count, seed);
  std::set<size_t> positions;
  for (size_t i = 0; i < kept.size(); ++i) positions.insert(kept.position(i));
  std::vector<size_t> rest;
  for (size_t i = 0; i < all.size(); ++i) {
    if (positions.count(i) == 0) rest.push_back(i);
  }
  return {all.subset(rest), kept};
}

search::TrainingImages training_images(const Dataset& set, int32_t resolution, int32_t channels,
                                       const Preprocess& preprocess, int threads, const Log& log) {
  search::TrainingImages images(set, resolution, channels, preprocess, threads);
  for (const std::string& text : images.skipped()) log.warning(text + "; left out");
  return images;
}

bool leads_processes() {
  const auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string size = variable("WORLD_SIZE"), rank = variable("RANK");
  return size.empty() || size == "1" || rank.empty() || rank == "0";
}

search::TrainHooks TrainProgress::hooks(const InterruptScope& signals) {
  search::TrainHooks hooks;
  hooks.step = [this](int64_t epoch, int64_t images, int64_t total, double loss) {
    step(epoch, images, total, loss);
  };
  hooks.interrupted = [&signals] { return signals.interrupted(); };
  return hooks;
}

void TrainProgress::step(int64_t epoch, int64_t images, int64_t total, double loss) {
  if (mode_ == ProgressMode::None) return;
  if (!bar_) {
    bar_ = std::make_unique<Progress>(what_ + ", epoch " + std::to_string(epoch), "images", total,
                                      mode_);
    shown_ = 0;
  }
  bar_->note("loss " + format_fixed(loss, 3));
  bar_->advance(images - shown_);
  shown_ = images;
}

void TrainProgress::epoch(const search::EpochReport& report, const Log& log) {
  bar_.reset();
  if (mode_ == ProgressMode::None) return;
  log.info(what_ + ", epoch " + std::to_string(report.epoch) + " (" +
           format_fixed(100 * report.progress, 0) + " % of training): loss " +
           format_fixed(report.loss, 3) + ", " + format_fixed(report.accuracy, 2) + " % right" +
           (report.best ? ", the best so far" : "") + "; " + format_duration(report.seconds));
}

}  // namespace mcunet::app
