// Search on the user's own images: a supernet is trained, and judges candidates.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/mcunet/training_data.h"
#include "libmcunet/support/interrupt.h"
#include "search/evolution.h"
#include "search/supernet.h"

namespace mcunet::app {

struct SupernetOptions {
  std::string data, validation, preprocess, budget;
  double holdout = 0.1;
  size_t score_images = 2000;
  search::TrainOptions train;
};

class SupernetSearch {
 public:
  // Opens the images. Throws what training_images() and open_training_sets() throw.
  SupernetSearch(const SupernetOptions& options, ProgressMode mode);

  // The space for these images: their classes and channels, and no resolutions above theirs (but
  // the smallest where all are).
  search::Space adapted(search::Space space) const;

  // Trains, keeping its state in `directory` after each epoch; goes on from there, or takes what
  // is trained already, with `resume`. Throws Error(Interrupted) when signals came.
  void train(const search::Space& space, const std::vector<search::SubSpace>& places,
             const std::filesystem::path& directory, bool resume, const InterruptScope& signals);

  // Whether this process searches. One that does not calls serve() after train().
  bool leads() const { return leads_; }
  void serve() const { supernet_->serve(options_.train.threads); }
  // What is asked from now on is this process's work.
  void dismiss_others() { supernet_->dismiss(); }

  // Top-1 in per cent with inherited weights; remembered.
  std::vector<double> accuracies(const std::vector<search::Individual>& networks) const;
  double error(double accuracy) const;  // half of the 95 % interval, percentage points
  // Description with the preprocessing, and inherited weights, of a network.
  std::string description(const search::Genome& genome) const;
  std::vector<uint8_t> weights(const search::Genome& genome) const;

  const SupernetOptions& options() const { return options_; }
  size_t score_images() const { return validation_images_->size(); }

 private:
  SupernetOptions options_;
  bool leads_;
  ProgressMode mode_;
  Log log_;
  TrainingSets sets_;
  Preprocess preprocess_;
  int channels_ = 3, side_ = 0;
  search::Space space_;
  std::optional<search::TrainingImages> train_images_, validation_images_;
  std::unique_ptr<search::Supernet> supernet_;
  mutable std::map<std::string, double> known_;  // by encoding
};

}  // namespace mcunet::app
