#include "libmcunet/data/preprocess.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "libmcunet/data/image_formats.h"
#include "libmcunet/data/resize.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/suggest.h"

namespace mcunet {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "mcunet.preprocess/1";
constexpr const char* kMetadataName = "mcunet.preprocess";
constexpr size_t kMaxDocument = 65536;  // bytes

Preprocess normalized(std::string name, std::array<float, 3> mean, std::array<float, 3> deviation) {
  Preprocess preprocess;
  preprocess.name = std::move(name);
  preprocess.mean = mean;
  preprocess.deviation = deviation;
  return preprocess;
}

std::vector<Preprocess> known_preprocesses() {
  constexpr std::array<float, 3> kZero = {0.0F, 0.0F, 0.0F};
  constexpr std::array<float, 3> kHalf = {0.5F, 0.5F, 0.5F};
  constexpr std::array<float, 3> kOne = {1.0F, 1.0F, 1.0F};
  std::vector<Preprocess> known = {
      normalized("imagenet", {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}),
      normalized("zero-one", kZero, kOne),
      normalized("minus-one-one", kHalf, kHalf),
      normalized("mcunet-int8", kHalf, kHalf),
  };
  known.back().raw_pixels = true;
  known.push_back(normalized("person-det", kHalf, kHalf));
  known.back().fit = Preprocess::Fit::Squash;
  known.back().filter = Preprocess::Filter::Bicubic;
  return known;
}

// A number of a size that has a sense here: far from the limits of float.
bool read_number(const json& value, float& number) {
  constexpr double kLimit = 1e6;
  if (!value.is_number() || !(std::abs(value.get<double>()) <= kLimit)) return false;
  number = value.get<float>();
  return true;
}

// One number for all channels, or a list of three.
bool read_channels(const json& value, std::array<float, 3>& channels) {
  float number = 0.0F;
  if (read_number(value, number)) {
    channels.fill(number);
    return true;
  }
  if (!value.is_array() || value.size() != channels.size()) return false;
  for (size_t i = 0; i < channels.size(); ++i) {
    if (!read_number(value[i], channels[i])) return false;
  }
  return true;
}

// Reads one field; false when its value is not what the field needs, told in `expected`.
bool read_field(const std::string& key, const json& value, Preprocess& preprocess,
                std::string& expected) {
  if (key == "schema") {
    expected = std::string("\"") + kSchema + "\"";
    return value == kSchema;
  }
  if (key == "fit") {
    expected = "\"crop\" or \"squash\"";
    if (value == "squash") preprocess.fit = Preprocess::Fit::Squash;
    return value == "squash" || value == "crop";
  }
  if (key == "filter") {
    expected = "\"bilinear\" or \"bicubic\"";
    if (value == "bicubic") preprocess.filter = Preprocess::Filter::Bicubic;
    return value == "bicubic" || value == "bilinear";
  }
  if (key == "resize") {
    expected = "a number of pixels from 1 to 8192";
    if (!value.is_number_integer() || value < 1 || value > 8192) return false;
    preprocess.resize = value.get<int>();
    return true;
  }
  if (key == "mean") {
    expected = "a number from -1e6 to 1e6, or a list of three";
    return read_channels(value, preprocess.mean);
  }
  if (key == "std") {
    expected = "a number from 1e-6 to 1e6, or a list of three";
    return read_channels(value, preprocess.deviation) &&
           std::all_of(preprocess.deviation.begin(), preprocess.deviation.end(),
                       [](float deviation) { return deviation >= 1e-6F; });
  }
  assert(key == "raw_pixels");
  expected = "true or false";
  if (value.is_boolean()) preprocess.raw_pixels = value.get<bool>();
  return value.is_boolean();
}

int shorter_side(int height, int width, const Preprocess& preprocess) {
  return preprocess.resize.value_or(std::max(height, width) * 256 / 224);
}

Image resize(const Image& image, int width, int height, const Preprocess& preprocess) {
  return preprocess.filter == Preprocess::Filter::Bicubic ? resize_bicubic(image, width, height)
                                                          : resize_bilinear(image, width, height);
}

struct Range {
  float low;
  float high;
};

Range range_of(DType dtype) {
  return dtype == DType::Int8 ? Range{-128.0F, 127.0F} : Range{0.0F, 255.0F};
}

uint8_t quantize(float value, const InputSpec& input) {
  const Range range = range_of(input.dtype);
  const float quantized = std::round(value / input.scale) + static_cast<float>(input.zero_point);
  return static_cast<uint8_t>(static_cast<int>(std::clamp(quantized, range.low, range.high)));
}

// Every pixel value of a channel has one code: 256 computations instead of one per pixel.
template <typename Code, typename Function>
std::vector<std::array<Code, 256>> code_tables(int channels, const Preprocess& preprocess,
                                               Function code) {
  std::vector<std::array<Code, 256>> tables(static_cast<size_t>(channels));
  for (size_t c = 0; c < tables.size(); ++c) {
    for (size_t pixel = 0; pixel < 256; ++pixel) {
      const float value = static_cast<float>(pixel) / 255.0F;
      tables[c][pixel] = code(pixel, (value - preprocess.mean[c]) / preprocess.deviation[c]);
    }
  }
  return tables;
}

template <typename Code>
std::vector<uint8_t> translate(const Image& image,
                               const std::vector<std::array<Code, 256>>& tables) {
  std::vector<uint8_t> bytes(image.pixels.size() * sizeof(Code));
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const Code code = tables[i % tables.size()][image.pixels[i]];
    std::memcpy(&bytes[i * sizeof(Code)], &code, sizeof(Code));
  }
  return bytes;
}

}  // namespace

Preprocess find_preprocess(const std::string& name) {
  if (std::filesystem::path(name).extension() == ".json") {
    return parse_preprocess(read_text_file(name), name);
  }
  std::vector<std::string> names;
  std::string all;
  for (Preprocess& preprocess : known_preprocesses()) {
    if (preprocess.name == name) return preprocess;
    all += (all.empty() ? "" : ", ") + preprocess.name;
    names.push_back(std::move(preprocess.name));
  }
  throw Error(ErrorKind::Usage, "unknown preprocessing \"" + name + "\"" +
                                    did_you_mean(name, names) + " (known: " + all +
                                    ", or the path of a .json file)");
}

Preprocess preprocess_from_json(const json& document, const std::string& place) {
  const std::vector<std::string> fields = {"schema", "fit", "filter",    "resize",
                                           "mean",   "std", "raw_pixels"};
  if (!document.is_object()) throw Error(ErrorKind::Usage, place + ": not a JSON object");
  Preprocess preprocess;
  preprocess.name = place;
  std::vector<std::string> problems;
  if (!document.contains("schema")) {
    problems.push_back(place + ": \"schema\": \"" + kSchema + "\" is missing");
  }
  for (const auto& [key, value] : document.items()) {
    std::string expected;
    if (std::find(fields.begin(), fields.end(), key) == fields.end()) {
      problems.push_back(place + ": \"" + key + "\" is no field of it" + did_you_mean(key, fields));
    } else if (!read_field(key, value, preprocess, expected)) {
      problems.push_back(place + ": \"" + key + "\" must be " + expected);
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
  return preprocess;
}

Preprocess parse_preprocess(const std::string& text, const std::string& place) {
  if (text.size() > kMaxDocument) {
    throw Error(ErrorKind::Usage, place + ": " + std::to_string(text.size()) +
                                      " bytes are too many for a description of preprocessing");
  }
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    throw Error(ErrorKind::Usage, place + ": not JSON: " + error.what());
  }
  return preprocess_from_json(document, place);
}

void store_preprocess(Graph& graph, const Preprocess& preprocess) {
  graph.metadata[kMetadataName] = preprocess_to_json(preprocess).dump();
}

std::optional<Preprocess> stored_preprocess(const Graph& graph) {
  const auto entry = graph.metadata.find(kMetadataName);
  if (entry == graph.metadata.end()) return std::nullopt;
  try {
    Preprocess preprocess =
        parse_preprocess(entry->second, std::string("metadata ") + kMetadataName);
    preprocess.name = "stored in the model";
    return preprocess;
  } catch (const Error& error) {
    throw Error(ErrorKind::Input, error.problems());
  }
}

nlohmann::ordered_json preprocess_to_json(const Preprocess& preprocess) {
  nlohmann::ordered_json document = {
      {"schema", kSchema}, {"fit", preprocess.fit == Preprocess::Fit::Crop ? "crop" : "squash"}};
  if (preprocess.filter == Preprocess::Filter::Bicubic) document["filter"] = "bicubic";
  if (preprocess.resize) document["resize"] = *preprocess.resize;
  document["mean"] = preprocess.mean;
  document["std"] = preprocess.deviation;
  document["raw_pixels"] = preprocess.raw_pixels;
  return document;
}

int resized_side(const InputSpec& input, const Preprocess& preprocess) {
  return shorter_side(input.height, input.width, preprocess);
}

Image fit_image(const Image& image, int height, int width, int channels,
                const Preprocess& preprocess) {
  Image colored = convert_channels(image, channels);
  if (preprocess.fit == Preprocess::Fit::Squash) return resize(colored, width, height, preprocess);
  // An image of the network's own size has been prepared already, and is taken as it is.
  if (!preprocess.resize && colored.width == width && colored.height == height) return colored;

  const int64_t shorter = std::min(colored.width, colored.height);
  const int64_t wanted = shorter_side(height, width, preprocess);
  // The longer side is rounded down, as torchvision's Resize does; never below what is cropped.
  const auto resized = [&](int64_t side, int least) {
    const int64_t length = side == shorter ? wanted : wanted * side / shorter;
    return static_cast<int>(std::clamp<int64_t>(length, least, INT32_MAX));
  };
  const int new_width = resized(colored.width, width);
  const int new_height = resized(colored.height, height);
  check_image_size(new_width, new_height, "the resized image");
  return crop_center(resize(colored, new_width, new_height, preprocess), width, height);
}

std::vector<uint8_t> to_tensor(const Image& image, const InputSpec& input,
                               const Preprocess& preprocess) {
  if (input.channels != 1 && input.channels != 3) {
    throw Error(ErrorKind::Unsupported, "an image cannot fill an input of " +
                                            std::to_string(input.channels) +
                                            " channels, only of 1 or 3");
  }
  const bool integer = input.dtype == DType::Int8 || input.dtype == DType::UInt8;
  if (!integer && input.dtype != DType::Float32) {
    throw Error(ErrorKind::Unsupported, std::string("an image cannot fill an input of ") +
                                            dtype_name(input.dtype) +
                                            ", only of float32, int8 or uint8");
  }
  if (integer && !preprocess.raw_pixels && !(input.scale > 0.0F)) {
    throw Error(ErrorKind::Unsupported,
                "the input's scale is not positive: nothing can be quantized");
  }
  const Image fitted = fit_image(image, input.height, input.width, input.channels, preprocess);
  if (!integer) {
    return translate(fitted, code_tables<float>(input.channels, preprocess,
                                                [](size_t, float value) { return value; }));
  }
  return translate(
      fitted, code_tables<uint8_t>(input.channels, preprocess, [&](size_t pixel, float value) {
        if (!preprocess.raw_pixels) return quantize(value, input);
        // Subtracting 128 from a byte flips its upper bit.
        return static_cast<uint8_t>(input.dtype == DType::Int8 ? pixel ^ 0x80U : pixel);
      }));
}

}  // namespace mcunet
