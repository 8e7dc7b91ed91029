// Images as training needs them: decoded once, varied each time they are used.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/data/dataset.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/support/random.h"

namespace mcunet::search {

// Which variations of an image mean the same. A crop moves the image by up to an eighth of its
// extents, or takes a part of a larger one; colours change in brightness and contrast by up to a
// fifth.
struct Augmentation {
  bool crop = true, flip = true, colour = false;
};

// Throws Error(Input), beginning with `place`, for images without classes.
void require_classes(const Dataset& set, const std::string& place);

// A labelled set at one size. Const members may be called from several threads.
class TrainingImages {
 public:
  // Images are fitted to the size as `preprocess` says, with a margin for crops where they are
  // larger. They are kept in memory, or, when that takes more than `memory` bytes, decoded each
  // time. Throws Error(Input) for sets without labels, with fewer than two classes, or with too
  // many corrupt images (check_skipped()); others are left out.
  TrainingImages(const Dataset& set, int32_t resolution, int32_t channels,
                 const Preprocess& preprocess, int threads, int64_t memory = int64_t{4} << 30);

  size_t size() const { return samples_.size(); }
  int32_t resolution() const { return resolution_; }
  int32_t channels() const { return channels_; }
  int label(size_t i) const { return labels_[i]; }
  int classes() const { return classes_; }
  const std::vector<std::string>& skipped() const { return skipped_; }

  // [resolution, resolution, channels] as the network takes it: the middle of the image.
  void get(size_t i, float* out) const;
  // A variation of it.
  void vary(size_t i, const Augmentation& augmentation, SplitMix64& random, float* out) const;

 private:
  Image stored(size_t i) const;
  void write(const Image& image, int left, int top, bool flip, float gain, float offset,
             float* out) const;

  Dataset set_;
  int32_t resolution_, channels_;
  Preprocess preprocess_;
  std::vector<size_t> samples_;  // indices into the set
  std::vector<int> labels_;
  std::vector<Image> images_;  // by sample; empty when they are decoded each time
  int classes_ = 0;
  std::vector<std::string> skipped_;
};

}  // namespace mcunet::search
