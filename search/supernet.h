// A supernet: one network whose parts are all networks of some sub-spaces, trained once, so that
// candidates can be judged on the user's images without training each (Cai et al., "Once-for-All",
// ICLR 2020, arXiv:1908.09791; Yu et al., "BigNAS", ECCV 2020, arXiv:2003.11142). LibTorch trains
// it, in the module that is loaded on demand (search/torch/supernet.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "search/space.h"
#include "search/space_selection.h"
#include "search/training.h"

namespace mcunet::search {

struct SupernetJob {
  Space space;
  std::vector<SubSpace> places;  // sub-spaces whose networks are parts of it
  // At the largest of the places' resolutions; smaller ones are scaled down from it.
  const TrainingImages* train = nullptr;
  const TrainingImages* validation = nullptr;
  TrainOptions options;
  checkpoint::StateDict resume;
  int random_networks = 2;  // of a step, beside the largest and the smallest
};

class Supernet {
 public:
  virtual ~Supernet() = default;
  // Top-1 in per cent on the validation images, with batch norm's moments taken anew for each
  // network. The same for any number of threads and processes: where several have trained, the
  // first one asks and the others serve().
  virtual std::vector<double> accuracies(const std::vector<Genome>& networks,
                                         int threads) const = 0;
  // Judges what the first process asks for until that has ended, or calls dismiss().
  virtual void serve(int threads) const = 0;
  // Ends the others' serve(); accuracies() are this process's work from then on.
  virtual void dismiss() = 0;
  // The weights that a network inherits, for describe(space, network).
  virtual checkpoint::StateDict weights(const Genome& network) const = 0;
  virtual const TrainResult& training() const = 0;
};

// Trains, or goes on from job.resume; or, with `trained` (a TrainResult's best), does not train.
using MakeSupernet = std::function<std::unique_ptr<Supernet>(const SupernetJob&, const TrainHooks&,
                                                             const checkpoint::StateDict& trained)>;

}  // namespace mcunet::search
