#include <algorithm>
#include <cstring>
#include <memory>

#include "libmcunet/data/dataset_sources.h"
#include "libmcunet/data/npy.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

int64_t element(const NpyArray& array, size_t i) {
  const uint8_t* at = array.bytes.data() + i * dtype_size(array.dtype);
  switch (array.dtype) {
    case DType::Int8:
      return static_cast<int8_t>(*at);
    case DType::Int16: {
      int16_t value;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    case DType::Int32: {
      int32_t value;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    case DType::Int64: {
      int64_t value;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    default:
      return *at;
  }
}

// NAME-labels.npy or labels.npy beside NAME.npy.
std::optional<fs::path> find_labels(const fs::path& path) {
  for (const std::string& name :
       {path.stem().string() + "-labels.npy", std::string("labels.npy")}) {
    std::error_code error;
    const fs::path candidate = path.parent_path() / name;
    if (candidate.filename() != path.filename() && fs::exists(candidate, error)) return candidate;
  }
  return std::nullopt;
}

// Returns the number of classes.
int read_labels(const fs::path& path, std::vector<Sample>& samples) {
  const NpyArray labels = parse_npy(read_file(path), path.string());
  if (labels.dtype == DType::Float32 || labels.shape.size() != 1 ||
      static_cast<size_t>(labels.shape[0]) != samples.size()) {
    throw Error(ErrorKind::Input, path.string() + ": expected " + std::to_string(samples.size()) +
                                      " integers, one class index per sample");
  }
  int64_t highest = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const int64_t label = element(labels, i);
    if (label < 0 || label >= kMaxClasses) {
      throw Error(ErrorKind::Input, path.string() + ": label " + std::to_string(i) + " is " +
                                        std::to_string(label) + ", expected 0 to " +
                                        std::to_string(kMaxClasses - 1));
    }
    samples[i].label = static_cast<int>(label);
    highest = std::max(highest, label);
  }
  return static_cast<int>(highest) + 1;
}

// Of bytes; float32 and int8 are tensors whatever their shape.
bool are_images(const NpyArray& array) {
  const std::vector<int64_t>& shape = array.shape;
  const bool pixels = shape.size() == 3 || (shape.size() == 4 && (shape[3] == 1 || shape[3] == 3));
  return array.dtype == DType::UInt8 && pixels && shape[1] <= 65536 && shape[2] <= 65536;
}

}  // namespace

Dataset open_array(const fs::path& path) {
  auto array = std::make_shared<const NpyArray>(parse_npy(read_file(path), path.string()));
  if (array->dtype != DType::Float32 && array->dtype != DType::UInt8 &&
      array->dtype != DType::Int8) {
    throw Error(ErrorKind::Input, path.string() + ": elements are " + dtype_name(array->dtype) +
                                      "; float32, uint8 or int8 can be samples");
  }
  if (array->shape.size() < 2 || array->elements() == 0)
    throw Error(ErrorKind::Input, path.string() + ": no samples: expected an array [N, …]");
  std::vector<Sample> samples(static_cast<size_t>(array->shape[0]));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i].name = path.filename().string() + ":" + std::to_string(i);
  std::vector<std::string> classes;
  if (const auto labels = find_labels(path))
    classes = numbered_classes(read_labels(*labels, samples));

  const size_t bytes = array->bytes.size() / samples.size();
  const auto load = [array, bytes](size_t i) -> SampleData {
    const auto begin = array->bytes.begin() + static_cast<std::ptrdiff_t>(i * bytes);
    const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
    const std::vector<int64_t>& shape = array->shape;
    if (are_images(*array)) {
      Image image(static_cast<int>(shape[2]), static_cast<int>(shape[1]),
                  shape.size() == 4 ? static_cast<int>(shape[3]) : 1);
      std::copy(begin, end, image.pixels.begin());
      return image;
    }
    RawTensor tensor;
    tensor.dtype = array->dtype;
    for (size_t axis = 1; axis < shape.size(); ++axis)
      tensor.shape.push_back(static_cast<int32_t>(shape[axis]));
    tensor.bytes.assign(begin, end);
    return tensor;
  };
  return Dataset(are_images(*array) ? "array of images" : "array of tensors", std::move(classes),
                 std::move(samples), load);
}

}  // namespace mcunet
