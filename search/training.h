// What training is asked for and what it gives, without LibTorch: the module that does it is loaded
// on demand (search/torch/).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/netspec/description.h"
#include "search/training_images.h"

namespace mcunet::search {

enum class OptimizerKind { Sgd, AdamW };

struct TrainOptions {
  int64_t epochs = 30;  // 0: as many as the budget has time for
  double budget_s = 0;  // seconds after which the schedule is at its end; 0: none
  int64_t batch = 128;  // images of a step, over all workers
  OptimizerKind optimizer = OptimizerKind::Sgd;
  double rate = 0.1;           // the highest; it rises from 0 and falls along half a cosine
  double warm_up = 0.05;       // the rise's share of training
  double momentum = 0.9;       // of SGD, Nesterov's
  double weight_decay = 1e-4;  // not of batch norm and biases
  double label_smoothing = 0.1;
  double mixup = 0;        // the beta distribution's parameter; 0: none
  double average = 0.998;  // of the weights' exponential moving average, by step; 0: none
  int64_t patience = 0;    // epochs without a better accuracy, then training stops; 0: never
  bool last = false;       // the last epoch counts as the best: the supernet's parts improve late
  bool quantized = false;  // weights and activations rounded as int8 inference does (QAT)
  Augmentation augmentation;
  uint64_t seed = 0;
  int threads = 0;
  std::string device = "auto";
};

struct EpochReport {
  int64_t epoch = 0;    // from 1
  double progress = 0;  // of all training, 0 to 1
  double loss = 0;      // mean of the epoch's steps
  double accuracy = 0;  // on the validation images, per cent
  bool best = false;
  double seconds = 0;  // of training so far, with those before it was resumed
};

// How the work speaks to its caller. Empty functions are not called.
struct TrainHooks {
  // Within an epoch: images so far, of all.
  std::function<void(int64_t epoch, int64_t images, int64_t total, double loss)> step;
  // After each epoch: what resumes from here, and the best network so far where it is a new one.
  std::function<void(const EpochReport&, const checkpoint::StateDict& state,
                     const checkpoint::StateDict* best)>
      epoch;
  // Asked before each step; true ends the work after the last complete epoch.
  std::function<bool()> interrupted;
};

struct TrainJob {
  netspec::NetworkDescription network;
  checkpoint::StateDict start;   // weights to begin with; empty: random ones
  checkpoint::StateDict resume;  // what hooks.epoch got; empty: from the beginning
  const TrainingImages* train = nullptr;
  const TrainingImages* validation = nullptr;
  TrainOptions options;
};

struct TrainResult {
  checkpoint::StateDict best;  // by the names of MCUNet's checkpoints
  double accuracy = 0;         // of it, on the validation images, per cent
  int64_t epochs = 0;
  double seconds = 0;
  int rank = 0, workers = 1;  // this process's, and all threads of all processes
  bool interrupted = false;
};

using Train = std::function<TrainResult(const TrainJob&, const TrainHooks&)>;

}  // namespace mcunet::search
