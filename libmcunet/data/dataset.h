// Labelled and unlabelled image sets, for calibration, evaluation and training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libmcunet/data/image.h"
#include "libmcunet/graph/types.h"

namespace mcunet {

// An element of a .npy array: what a network's input takes, without image processing.
struct RawTensor {
  DType dtype = DType::Float32;  // Float32, UInt8 or Int8
  Shape shape;                   // without the batch
  std::vector<uint8_t> bytes;    // little-endian
};

using SampleData = std::variant<Image, RawTensor>;

struct Sample {
  std::string name;          // "cat/0001.jpg", "t10k-images-idx3-ubyte:17"
  std::optional<int> label;  // index of its class
};

// A value; copies and subsets share what was read. All members are const and may be called from
// several threads.
class Dataset {
 public:
  // Gives the data of the sample with this index in `samples`; throws Error(Input) when it is
  // corrupt. Called from several threads.
  using Loader = std::function<SampleData(size_t)>;

  // `kind` says where it is from, for messages ("folder of images"). Labels must be indices of
  // `classes`; names may be empty.
  Dataset(std::string kind, std::vector<std::string> classes, std::vector<Sample> samples,
          Loader load);

  size_t size() const { return indices_.size(); }
  const Sample& sample(size_t i) const { return shared_->samples[indices_.at(i)]; }
  // Decoded anew in every call.
  SampleData load(size_t i) const { return shared_->load(indices_.at(i)); }

  const std::string& kind() const { return shared_->kind; }
  // Names by class index; empty for an unlabelled set.
  const std::vector<std::string>& classes() const { return shared_->classes; }
  // Whether every sample has a label.
  bool labelled() const;

  // The samples with these indices, in this order.
  Dataset subset(const std::vector<size_t>& indices) const;
  // `count` samples (all, if there are fewer), in the set's order, each class with its share up to
  // rounding. Which ones depends on `seed` and the set alone, and those of a smaller count are
  // among those of a larger one.
  Dataset choose(size_t count, uint64_t seed) const;

 private:
  struct Shared {
    std::string kind;
    std::vector<std::string> classes;
    std::vector<Sample> samples;
    Loader load;
  };
  std::shared_ptr<const Shared> shared_;
  std::vector<size_t> indices_;
};

// Sets that are published in two halves.
enum class Split { Train, Test };

// Opens what is there; images are decoded later, one at a time. In a folder, the first of these
// that fits:
//   labels.csv           file, class index[, class name] per line, a header line is allowed; the
//                        order of the lines is kept
//   train-images-idx3-ubyte, t10k-…   IDX (MNIST and its family), also with .gz; with their labels
//   data_batch_1.bin …, test_batch.bin    CIFAR-10's binary version (batches.meta.txt: names)
//   train/, test/ or val/             one of these sets
//   subfolders with images            classes, in the order of their names (by bytes)
//   images                            JPEG, PNG, PPM, PGM by extension, unlabelled, by name
// A file is an .npy array or one of the IDX or CIFAR-10 files. An array has the samples along its
// first axis: float32 and int8 are tensors as the network takes them; uint8 of shape [N, H, W] or
// [N, H, W, 1 or 3] are images; int8 and int32/int64 labels are read from NAME-labels.npy or
// labels.npy beside it. `split` chooses between halves; a set that has one half only gives that.
// Throws Error(Input): nothing that is known, unreadable, empty, or not consistent.
Dataset open_dataset(const std::filesystem::path& path, Split split);

// Throws Error(Input) when more than `share` of `total` samples could not be used; `problems` has a
// message for each of these.
void check_skipped(const std::vector<std::string>& problems, size_t total, double share = 0.1);

}  // namespace mcunet
