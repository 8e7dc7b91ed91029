#include "search/training_images.h"

#include <algorithm>
#include <set>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"

namespace mcunet::search {
namespace {

// Side of what is kept of an image for inputs of this size: an eighth more, if it is there.
int kept_side(const Image& image, int resolution) {
  const int shorter = std::min(image.width, image.height);
  return shorter <= resolution ? resolution : std::min(shorter, resolution + resolution / 8);
}

Image as_image(SampleData data, const std::string& name) {
  if (auto* image = std::get_if<Image>(&data)) return std::move(*image);
  throw Error(ErrorKind::Unsupported,
              name + " is a tensor; training takes images (uint8 of 1 or 3 channels)");
}

}  // namespace

void require_classes(const Dataset& set, const std::string& place) {
  if (set.labelled()) return;
  throw Error(ErrorKind::Input, place +
                                    ": the images have no classes; training needs subfolders, "
                                    "one for each class, or a labels.csv");
}

TrainingImages::TrainingImages(const Dataset& set, int32_t resolution, int32_t channels,
                               const Preprocess& preprocess, int threads, int64_t memory)
    : set_(set), resolution_(resolution), channels_(channels), preprocess_(preprocess) {
  require_classes(set, set.kind());
  const int64_t side = resolution + resolution / 8;
  const bool keep = static_cast<int64_t>(set.size()) * side * side * channels <= memory;
  std::vector<Image> images(set.size());
  std::vector<std::string> problem_of(set.size());
  // Without room for all, images are only decoded, to know which ones can be used.
  parallel_for(set.size(), threads, [&](size_t i) {
    try {
      const Image image = as_image(set.load(i), set.sample(i).name);
      if (!keep) return;
      const int kept = kept_side(image, resolution);
      images[i] = fit_image(image, kept, kept, channels, preprocess_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input) throw;
      problem_of[i] = error.what();
    }
  });
  std::set<int> present;
  for (size_t i = 0; i < set.size(); ++i) {
    if (!problem_of[i].empty()) {
      skipped_.push_back(problem_of[i]);
      continue;
    }
    samples_.push_back(i);
    labels_.push_back(*set.sample(i).label);
    present.insert(labels_.back());
    if (keep) images_.push_back(std::move(images[i]));
  }
  check_skipped(skipped_, set.size());
  if (present.size() < 2)
    throw Error(ErrorKind::Input,
                set.kind() + ": all images are of one class; there is nothing to tell apart");
  classes_ = std::max(static_cast<int>(set.classes().size()), *present.rbegin() + 1);
}

Image TrainingImages::stored(size_t i) const {
  if (!images_.empty()) return images_[i];
  const Image image = as_image(set_.load(samples_[i]), set_.sample(samples_[i]).name);
  const int kept = kept_side(image, resolution_);
  return fit_image(image, kept, kept, channels_, preprocess_);
}

// Pixels beyond the border are those of the border.
void TrainingImages::write(const Image& image, int left, int top, bool flip, float gain,
                           float offset, float* out) const {
  float scale[3], shift[3];
  for (size_t c = 0; c < 3; ++c) {
    const float deviation = preprocess_.deviation[c];
    scale[c] = gain / (255.0F * deviation);
    shift[c] = (offset - preprocess_.mean[c]) / deviation;
  }
  for (int y = 0; y < resolution_; ++y) {
    const int row = std::clamp(y + top, 0, image.height - 1);
    for (int x = 0; x < resolution_; ++x) {
      const int column = std::clamp((flip ? resolution_ - 1 - x : x) + left, 0, image.width - 1);
      const uint8_t* pixel = image.at(column, row);
      for (int c = 0; c < channels_; ++c)
        *out++ = static_cast<float>(pixel[c]) * scale[c] + shift[c];
    }
  }
}

void TrainingImages::get(size_t i, float* out) const {
  const Image image = stored(i);
  write(image, (image.width - resolution_) / 2, (image.height - resolution_) / 2, false, 1, 0, out);
}

void TrainingImages::vary(size_t i, const Augmentation& augmentation, SplitMix64& random,
                          float* out) const {
  const Image image = stored(i);
  const int margin = image.width - resolution_;
  int left = margin / 2, top = margin / 2;
  if (augmentation.crop) {
    const int reach = margin > 0 ? 0 : resolution_ / 8;
    left = static_cast<int>(random.between(-reach, margin + reach));
    top = static_cast<int>(random.between(-reach, margin + reach));
  }
  const bool flip = augmentation.flip && random.chance(0.5);
  float gain = 1, offset = 0;
  if (augmentation.colour) {
    gain = random.uniform(0.8F, 1.2F);
    offset = random.uniform(-0.2F, 0.2F);
  }
  write(image, left, top, flip, gain, offset, out);
}

}  // namespace mcunet::search
