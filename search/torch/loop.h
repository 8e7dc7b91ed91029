// The loop that every training here goes through: batches, workers, gradients, schedule, averaged
// weights, checkpoints. What is trained comes as functions.
#pragma once

#include <functional>

#include "search/torch/network.h"
#include "search/torch/optimizer.h"
#include "search/training.h"

namespace mcunet::search {

// One worker's part of a batch.
struct Batch {
  at::Tensor images;   // [images, rows, columns, channels]
  at::Tensor targets;  // [images, classes], probabilities
  int64_t size = 0;    // images of all workers
};

// All parameters as one vector each, with views of it by name.
class ParameterVector {
 public:
  ParameterVector() = default;
  // Copies those of `parameters` that are learned, or those that are not.
  ParameterVector(const Parameters& parameters, bool learned, at::Device device = at::kCPU);
  ParameterVector clone() const;

  at::Tensor& values() { return values_; }
  const at::Tensor& values() const { return values_; }
  Parameters views() const;
  // 1 where weight decay applies: weights, not vectors.
  at::Tensor decayed() const;

 private:
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes_;
  at::Tensor values_;
};

struct Objective {
  // This worker's share of the loss, with backward() called on it, or on its parts.
  std::function<double(const Batch& batch, Parameters& leaves, Communicator& workers, int64_t step,
                       double progress)>
      gradients;
  // Accuracy in per cent on the validation images; every worker gets the same.
  std::function<double(Parameters& parameters, Communicator& workers)> judge;
  // Called by one thread of each process before a step. What `vectors` gives is everything that has
  // the parameters' layout; it may be rearranged. Empty: nothing to do.
  std::function<void(const std::function<std::vector<Parameters>()>& vectors, double progress)>
      prepare;
};

// A stream of random numbers for each use of a seed; those of neighbouring numbers are unrelated.
SplitMix64 random_stream(uint64_t seed, uint64_t a, uint64_t b);

// Everything that the course of training depends on, but for the number of workers: options, and
// the images by some of their pixels. What a checkpoint belongs to.
std::string identity_of(const TrainOptions& options, const TrainingImages& train,
                        const TrainingImages& validation);

// The same as numbers that float32 holds exactly, for checkpoints.
at::Tensor fingerprint(const std::string& identity);

// Trains `start`, or goes on from job.resume, on the device that the options name. job.network is
// not looked at. Throws Error(Usage) for a device that is not there.
TrainResult run_training(const Parameters& start, const TrainJob& job, const std::string& identity,
                         const Objective& objective, const TrainHooks& hooks,
                         Communicator& processes);

// Images [images, rows, columns, channels] of these indices, as they are.
at::Tensor image_batch(const TrainingImages& images, const std::vector<size_t>& indices);
// How many images are classified as labelled, in per cent; every worker does its part. `scores` is
// called with batches.
double accuracy_of(const TrainingImages& images, Communicator& workers,
                   const std::function<at::Tensor(const at::Tensor&)>& scores);

}  // namespace mcunet::search
