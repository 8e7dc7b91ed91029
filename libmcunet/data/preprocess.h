// From an image to the bytes of a network's input tensor.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/data/image.h"
#include "libmcunet/graph/graph.h"

namespace mcunet {

struct Preprocess {
  enum class Fit {
    // Shorter side to `resize`, then the middle: keeps proportions. Without `resize`, an image of
    // the input's size counts as prepared and is taken as it is.
    Crop,
    Squash,  // exactly to the input's size: keeps everything
  };

  enum class Filter { Bilinear, Bicubic };  // both antialiased, see resize.h

  std::string name;  // as the user gave it
  Fit fit = Fit::Crop;
  Filter filter = Filter::Bilinear;
  // Shorter side before the crop, in pixels; unset: input size · 256/224, rounded down (176 → 201).
  std::optional<int> resize;
  // Value = (pixel/255 - mean) / deviation, in float32, per channel; the first is used for grey
  // inputs.
  std::array<float, 3> mean = {0.0F, 0.0F, 0.0F};
  std::array<float, 3> deviation = {1.0F, 1.0F, 1.0F};
  // Integer inputs take the pixel itself (uint8) or pixel - 128 (int8), whatever the tensor's
  // scale, as the published int8 MCUNet models are fed. Float inputs take the value above.
  bool raw_pixels = false;
};

// --preprocess: "imagenet", "zero-one", "minus-one-one", "mcunet-int8", "person-det" (as the
// published demo feeds its detector: squashed, bicubic, -1 to 1), or the path of a JSON file
// (".json"). Throws Error(Usage) with near names, or what preprocess_from_json() throws.
Preprocess find_preprocess(const std::string& name);

// {"schema": "mcunet.preprocess/1", "fit": "crop"|"squash", "filter":
// "bilinear"|"bicubic", "resize": 256, "mean": […], "std": […],
// "raw_pixels": false} All but the schema may be left out; mean and std are one number or three.
// Throws Error(Usage) with every problem. The second takes the text of such a document.
Preprocess preprocess_from_json(const nlohmann::json& document, const std::string& place);
Preprocess parse_preprocess(const std::string& text, const std::string& place);
nlohmann::ordered_json preprocess_to_json(const Preprocess& preprocess);

// The document as a model carries it: metadata "mcunet.preprocess". stored_preprocess() gives
// nothing when there is none, and throws Error(Input) when it is not sound; read_tflite() has
// checked that. Its name is "stored in the model".
void store_preprocess(Graph& graph, const Preprocess& preprocess);
std::optional<Preprocess> stored_preprocess(const Graph& graph);

// What a network is fed with.
struct InputSpec {
  int height = 0;
  int width = 0;
  int channels = 3;  // 1 or 3
  DType dtype = DType::Int8;
  float scale = 1.0F;      // not used for Float32
  int32_t zero_point = 0;  // not used for Float32
};

// To how many pixels the shorter side is scaled before the crop.
int resized_side(const InputSpec& input, const Preprocess& preprocess);

// Resized and cropped to the input's size and channels.
Image fit_image(const Image& image, int height, int width, int channels,
                const Preprocess& preprocess);

// The tensor [height, width, channels], little-endian: Float32, or Int8 and UInt8 quantized as
// clamp(round(value / scale) + zero_point), rounding halves away from zero, all in float32. Throws
// Error(Unsupported) for other
// dtypes, channel numbers and scales.
std::vector<uint8_t> to_tensor(const Image& image, const InputSpec& input,
                               const Preprocess& preprocess);

}  // namespace mcunet
