#include "libmcunet/data/dataset.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <numeric>
#include <system_error>

#include "libmcunet/data/dataset_sources.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/random.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr int kUnlabelled = -1;

bool has_subfolders(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) return true;
  }
  return false;
}

// train/ and test/ (or val/, validation/) in the folder: the one for the split, or the only one.
// Where only one is there it must look like a set itself; it might be a class.
std::optional<fs::path> find_half(const fs::path& folder, Split split) {
  const auto first_of = [&](const std::vector<const char*>& names) -> std::optional<fs::path> {
    for (const char* name : names) {
      std::error_code error;
      if (fs::is_directory(folder / name, error)) return folder / name;
    }
    return std::nullopt;
  };
  const std::optional<fs::path> train = first_of({"train"});
  const std::optional<fs::path> test = first_of({"test", "val", "validation"});
  if (train && test) return split == Split::Train ? train : test;
  const std::optional<fs::path> only = train ? train : test;
  std::error_code error;
  if (only && (has_subfolders(*only) || fs::exists(*only / "labels.csv", error))) return only;
  return std::nullopt;
}

Dataset open_folder(const fs::path& folder, Split split) {
  std::error_code error;
  if (fs::exists(folder / "labels.csv", error)) return open_labels_csv(folder);
  if (const auto images = find_idx(folder, split)) return open_idx(*images);
  if (const auto batches = find_cifar(folder, split); !batches.empty()) return open_cifar(batches);
  if (const auto half = find_half(folder, split)) return open_folder(*half, split);
  if (holds_images(folder)) return open_image_folder(folder);
  throw Error(ErrorKind::Input,
              folder.string() +
                  ": no images here: expected JPEG, PNG, PPM or PGM files, class folders of them, "
                  "labels.csv, IDX or CIFAR-10 files");
}

}  // namespace

Dataset::Dataset(std::string kind, std::vector<std::string> classes, std::vector<Sample> samples,
                 Loader load)
    : indices_(samples.size()) {
  std::iota(indices_.begin(), indices_.end(), size_t{0});
  assert(std::all_of(samples.begin(), samples.end(), [&](const Sample& sample) {
    return !sample.label ||
           (*sample.label >= 0 && *sample.label < static_cast<int>(classes.size()));
  }));
  shared_ = std::make_shared<const Shared>(
      Shared{std::move(kind), std::move(classes), std::move(samples), std::move(load)});
}

bool Dataset::labelled() const {
  return std::all_of(indices_.begin(), indices_.end(),
                     [&](size_t i) { return shared_->samples[i].label.has_value(); });
}

Dataset Dataset::subset(const std::vector<size_t>& indices) const {
  Dataset result = *this;
  result.indices_.clear();
  for (const size_t i : indices) result.indices_.push_back(indices_.at(i));
  return result;
}

Dataset Dataset::choose(size_t count, uint64_t seed) const {
  if (count >= size()) return *this;
  std::map<int, std::vector<size_t>> classes;
  for (size_t i = 0; i < size(); ++i) classes[sample(i).label.value_or(kUnlabelled)].push_back(i);
  // The k-th sample of a shuffled class of n stands at (k + u)/n on the line from 0 to 1, with one
  // u per class; the first `count` of all are taken (systematic sampling, so that every class has
  // its share up to one sample).
  struct Place {
    double position;
    size_t sample;
  };
  std::vector<Place> places;
  for (auto& [label, members] : classes) {
    SplitMix64 mix(seed);
    SplitMix64 random(mix.next() + static_cast<uint64_t>(label + 1));
    const double offset = random.unit();
    for (size_t k = 0; k < members.size(); ++k) {
      std::swap(members[k], members[k + random.below(members.size() - k)]);
      places.push_back(
          {(static_cast<double>(k) + offset) / static_cast<double>(members.size()), members[k]});
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.position != b.position ? a.position < b.position : a.sample < b.sample;
  });
  std::vector<size_t> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(places[i].sample);
  std::sort(chosen.begin(), chosen.end());
  return subset(chosen);
}

Dataset open_dataset(const fs::path& path, Split split) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    const std::string why = error && status.type() != fs::file_type::not_found
                                ? error.message()
                                : "no such file or folder";
    throw Error(ErrorKind::Input, "cannot read " + path.string() + ": " + why);
  }
  const auto open = [&] {
    if (fs::is_directory(status)) return open_folder(path, split);
    const std::string name = path.filename().string();
    if (path.extension() == ".npy") return open_array(path);
    if (is_idx_name(name)) return open_idx(path);
    if (is_cifar_name(name)) return open_cifar({path});
    throw Error(ErrorKind::Input,
                path.string() +
                    ": no data set: expected a folder, an .npy array, an IDX file "
                    "(…-images-idx3-ubyte[.gz]) or a CIFAR-10 batch (….bin)");
  };
  const Dataset dataset = open();
  if (dataset.size() == 0) throw Error(ErrorKind::Input, path.string() + ": the data set is empty");
  return dataset;
}

void check_skipped(const std::vector<std::string>& problems, size_t total, double share) {
  constexpr size_t kShown = 5;
  if (problems.empty()) return;
  const bool none_left = problems.size() >= total;
  if (!none_left && static_cast<double>(problems.size()) <= share * static_cast<double>(total)) {
    return;
  }
  std::vector<std::string> text(
      problems.begin(),
      problems.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, problems.size())));
  text.push_back(std::to_string(problems.size()) + " of " + std::to_string(total) +
                 " samples cannot be used" + (none_left ? "" : ", too many to go on without them") +
                 "; remove or repair them");
  throw Error(ErrorKind::Input, std::move(text));
}

std::vector<std::string> numbered_classes(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace mcunet
