// What commands that train share: images for training and for validation, and progress.
#pragma once

#include <memory>
#include <string>

#include "libmcunet/data/dataset.h"
#include "libmcunet/support/interrupt.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/progress.h"
#include "search/training.h"

namespace mcunet::app {

struct TrainingSets {
  Dataset train, validation;
};

// `validation` empty: a share of the training images is kept for it, of each class alike. Throws
// what open_dataset() throws, and Error(Input) when there are too few images.
TrainingSets open_training_sets(const std::string& data, const std::string& validation,
                                double holdout, uint64_t seed);

// Decoded; a warning for each image that was left out.
search::TrainingImages training_images(const Dataset& set, int32_t resolution, int32_t channels,
                                       const Preprocess& preprocess, int threads, const Log& log);

// Whether this process is the one that speaks and writes, of those that train together (RANK) or
// alone.
bool leads_processes();

// One bar for each epoch, and a line when it is over.
class TrainProgress {
 public:
  TrainProgress(std::string what, ProgressMode mode) : what_(std::move(what)), mode_(mode) {}

  // That show each step, and end the work when signals came; hooks.epoch is the caller's. Both
  // arguments must outlive them.
  search::TrainHooks hooks(const InterruptScope& signals);
  void epoch(const search::EpochReport& report, const Log& log);

 private:
  void step(int64_t epoch, int64_t images, int64_t total, double loss);
  std::string what_;
  ProgressMode mode_;
  std::unique_ptr<Progress> bar_;
  int64_t shown_ = 0;
};

}  // namespace mcunet::app
