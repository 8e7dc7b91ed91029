// Format: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "libmcunet/data/dataset_sources.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr uint8_t kUnsignedByte = 0x08;
constexpr size_t kLargest = size_t{1} << 31;

[[noreturn]] void corrupt(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::Input, path.string() + ": corrupt IDX file: " + why);
}

std::vector<uint8_t> gunzip(const std::vector<uint8_t>& packed, const fs::path& path) {
  z_stream stream = {};
  constexpr int kGzip = 15 + 16;  // zlib.h: window bits, and 16 for gzip's header
  if (inflateInit2(&stream, kGzip) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  std::vector<uint8_t> bytes;
  stream.next_in = const_cast<uint8_t*>(packed.data());  // zlib's interface; it only reads
  stream.avail_in = static_cast<uInt>(packed.size());    // read_file() gives at most 2 GiB
  for (int result = Z_OK; result != Z_STREAM_END;) {
    constexpr size_t kStep = size_t{1} << 20;
    const size_t used = bytes.size();
    if (used > kLargest) corrupt(path, "it unpacks to more than 2 GiB");
    bytes.resize(used + kStep);
    stream.next_out = bytes.data() + used;
    stream.avail_out = static_cast<uInt>(kStep);
    result = inflate(&stream, Z_NO_FLUSH);
    bytes.resize(used + kStep - stream.avail_out);
    if (result == Z_BUF_ERROR || (result == Z_OK && stream.avail_in == 0 && stream.avail_out != 0))
      corrupt(path, "its gzip stream is cut off");
    if (result != Z_OK && result != Z_STREAM_END) corrupt(path, "its gzip stream is damaged");
  }
  return bytes;
}

struct IdxArray {
  std::vector<size_t> shape;
  std::vector<uint8_t> bytes;  // the file's
  size_t begin = 0;            // of the elements
};

IdxArray read_idx(const fs::path& path) {
  IdxArray array;
  array.bytes = read_file(path);
  if (array.bytes.size() > 2 && array.bytes[0] == 0x1F && array.bytes[1] == 0x8B)
    array.bytes = gunzip(array.bytes, path);
  const std::vector<uint8_t>& bytes = array.bytes;
  if (bytes.size() < 8 || bytes[0] != 0 || bytes[1] != 0)
    throw Error(ErrorKind::Input, path.string() + ": not an IDX file");
  if (bytes[2] != kUnsignedByte) {
    throw Error(ErrorKind::Unsupported, path.string() + ": elements of IDX type " +
                                            std::to_string(bytes[2]) +
                                            "; only 8 (unsigned bytes) is supported");
  }
  const size_t rank = bytes[3];
  array.begin = 4 + rank * 4;
  if (rank < 1 || rank > 4) corrupt(path, std::to_string(rank) + " axes");
  if (bytes.size() < array.begin) corrupt(path, "it is cut off");
  size_t elements = 1;
  for (size_t i = 0; i < rank; ++i) {
    size_t extent = 0;
    for (size_t b = 0; b < 4; ++b) extent = extent << 8 | bytes[4 + i * 4 + b];
    array.shape.push_back(extent);
    elements *= extent;
    if (elements > kLargest) corrupt(path, "its shape has more than 2^31 elements");
  }
  if (bytes.size() - array.begin != elements) {
    corrupt(path, std::to_string(bytes.size() - array.begin) + " bytes of data, its shape needs " +
                      std::to_string(elements));
  }
  return array;
}

// "train-images-idx3-ubyte" → "train-labels-idx1-ubyte"; some copies write
// "train-images.idx3-ubyte".
std::string labels_name(std::string name) {
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"images", "labels"}, {"idx3", "idx1"}, {"idx4", "idx1"}};
  for (const auto& [from, to] : parts) {
    if (const size_t at = name.find(from); at != std::string::npos)
      name.replace(at, from.size(), to);
  }
  return name;
}

}  // namespace

bool is_idx_name(const std::string& file_name) {
  return file_name.find("images") != std::string::npos &&
         (file_name.find("idx3-ubyte") != std::string::npos ||
          file_name.find("idx4-ubyte") != std::string::npos);
}

std::optional<fs::path> find_idx(const fs::path& folder, Split split) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_idx_name(entry->path().filename().string())) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) return std::nullopt;
  for (const fs::path& path : found) {
    const bool train = path.filename().string().find("train") != std::string::npos;
    if (train == (split == Split::Train)) return path;
  }
  return found.front();
}

Dataset open_idx(const fs::path& path) {
  auto images = std::make_shared<const IdxArray>(read_idx(path));
  const std::vector<size_t>& shape = images->shape;
  const size_t channels = shape.size() == 4 ? shape[3] : 1;
  if (shape.size() < 3 || (channels != 1 && channels != 3) || shape[1] == 0 || shape[2] == 0 ||
      shape[1] > 65536 || shape[2] > 65536) {
    corrupt(path, "its elements are no images");
  }
  std::vector<Sample> samples(shape[0]);
  const std::string name = path.filename().string();
  for (size_t i = 0; i < samples.size(); ++i) samples[i].name = name + ":" + std::to_string(i);

  // Packed and unpacked files may lie beside each other.
  std::vector<std::string> classes;
  const std::string wanted = labels_name(name);
  const std::string plain =
      fs::path(wanted).extension() == ".gz" ? fs::path(wanted).stem().string() : wanted;
  for (const std::string& candidate : {wanted, plain, plain + ".gz"}) {
    const fs::path labels_path = path.parent_path() / candidate;
    std::error_code error;
    if (candidate == name || !fs::exists(labels_path, error)) continue;
    const IdxArray labels = read_idx(labels_path);
    if (labels.shape.size() != 1 || labels.shape[0] != samples.size()) {
      corrupt(labels_path, std::to_string(labels.shape[0]) + " labels for " +
                               std::to_string(samples.size()) + " images");
    }
    int highest = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      samples[i].label = labels.bytes[labels.begin + i];
      highest = std::max(highest, *samples[i].label);
    }
    classes = numbered_classes(highest + 1);
    break;
  }
  const size_t bytes = shape[1] * shape[2] * channels;
  const auto load = [images, bytes, channels](size_t i) -> SampleData {
    Image image(static_cast<int>(images->shape[2]), static_cast<int>(images->shape[1]),
                static_cast<int>(channels));
    const auto begin =
        images->bytes.begin() + static_cast<std::ptrdiff_t>(images->begin + i * bytes);
    std::copy(begin, begin + static_cast<std::ptrdiff_t>(bytes), image.pixels.begin());
    return image;
  };
  return Dataset("IDX", std::move(classes), std::move(samples), load);
}

}  // namespace mcunet
