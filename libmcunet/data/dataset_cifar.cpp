// Format: https://www.cs.toronto.edu/~kriz/cifar.html ("Binary version" of CIFAR-10).
#include <algorithm>
#include <memory>

#include "libmcunet/data/dataset_sources.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 32, kChannels = 3, kClasses = 10;
constexpr size_t kPlane = size_t{kSide} * kSide;
constexpr size_t kRecord = 1 + kPlane * kChannels;  // label, then the planes R, G, B

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

// batches.meta.txt has one name per line.
std::vector<std::string> class_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  if (fs::exists(folder / "batches.meta.txt", error)) {
    const std::string text = read_text_file(folder / "batches.meta.txt");
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find_first_of("\r\n", at), text.size());
      if (end > at) names.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return names.size() == kClasses ? names : numbered_classes(kClasses);
}

}  // namespace

bool is_cifar_name(const std::string& file_name) {
  return fs::path(file_name).extension() == ".bin" &&
         (starts_with(file_name, "data_batch") || starts_with(file_name, "test_batch"));
}

std::vector<fs::path> find_cifar(const fs::path& folder, Split split) {
  std::vector<fs::path> train, test;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_cifar_name(name)) (starts_with(name, "test") ? test : train).push_back(entry->path());
  }
  std::sort(train.begin(), train.end());
  if (train.empty() || test.empty()) return train.empty() ? test : train;
  return split == Split::Train ? train : test;
}

Dataset open_cifar(const std::vector<fs::path>& batches) {
  auto records = std::make_shared<std::vector<uint8_t>>();
  std::vector<Sample> samples;
  for (const fs::path& path : batches) {
    const std::vector<uint8_t> bytes = read_file(path);
    if (bytes.empty() || bytes.size() % kRecord != 0) {
      throw Error(ErrorKind::Input, path.string() +
                                        ": corrupt CIFAR-10 file: " + std::to_string(bytes.size()) +
                                        " bytes are no multiple of 3073");
    }
    for (size_t i = 0; i < bytes.size() / kRecord; ++i) {
      const int label = bytes[i * kRecord];
      if (label >= kClasses) {
        throw Error(ErrorKind::Input, path.string() + ": corrupt CIFAR-10 file: image " +
                                          std::to_string(i) + " has the label " +
                                          std::to_string(label));
      }
      samples.push_back({path.filename().string() + ":" + std::to_string(i), label});
    }
    records->insert(records->end(), bytes.begin(), bytes.end());
  }
  const auto load = [records](size_t i) -> SampleData {
    Image image(kSide, kSide, kChannels);
    const uint8_t* planes = records->data() + i * kRecord + 1;
    for (size_t p = 0; p < kPlane; ++p) {
      for (size_t c = 0; c < kChannels; ++c)
        image.pixels[p * kChannels + c] = planes[c * kPlane + p];
    }
    return image;
  };
  return Dataset("CIFAR-10", class_names(batches.front().parent_path()), std::move(samples), load);
}

}  // namespace mcunet
