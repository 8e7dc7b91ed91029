#include "compiler/codegen/emit_preprocess.h"

#include <optional>

#include "compiler/codegen/c_text.h"
#include "compiler/codegen/values.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/preprocess.h"

namespace mcunet::compiler {
namespace {

// The statement that gives the input's value for `pixel` of `channel`.
std::string value_statement(const CompiledModel& model, DType dtype, bool raw_pixels) {
  const std::string prefix = upper(model.name);
  if (raw_pixels && dtype == DType::UInt8) return "  (void)channel;\n  return pixel;\n";
  if (raw_pixels && dtype == DType::Int8)
    return "  (void)channel;\n  return (int8_t)(pixel - 128);\n";
  std::string body = "  static const float mean[] = " + prefix + "_PREPROCESS_MEAN;\n" +
                     "  static const float deviation[] = " + prefix + "_PREPROCESS_STD;\n" +
                     "  const float real = ((float)pixel / 255.0f - mean[channel]) / " +
                     "deviation[channel];\n";
  if (dtype == DType::Float32) return body + "  return real;\n";
  const std::string scale = prefix + "_INPUT_0_SCALE", zero = prefix + "_INPUT_0_ZERO_POINT";
  if (dtype == DType::Int8)
    return body + "  return " + model.name + "_quantize(real, " + scale + ", " + zero + ");\n";
  return body + "  return (uint8_t)(" + model.name + "_quantize(real, " + scale + ", " + zero +
         " - 128) + 128);\n";
}

std::string channel_list(const std::array<float, 3>& values, int channels) {
  std::string text;
  for (int c = 0; c < channels; ++c)
    text += (c == 0 ? "" : ", ") + c_float(values[static_cast<size_t>(c)]);
  return "{" + text + "}";
}

}  // namespace

std::string preprocess_section(const CompiledModel& model) {
  const std::optional<Preprocess> preprocess = stored_preprocess(model.source);
  if (!preprocess || model.graph.inputs.size() != 1) return "";
  const Tensor& tensor = model.graph.tensor(model.graph.inputs[0]);
  if (!is_image_input(tensor)) return "";
  const ImageInput input = image_input(tensor);
  const InputSpec& spec = input.spec;
  const std::string prefix = "#define " + upper(model.name) + "_PREPROCESS_";
  const bool crop = preprocess->fit == Preprocess::Fit::Crop;
  const std::string size = std::to_string(spec.width) + " x " + std::to_string(spec.height);

  const std::string filter =
      preprocess->filter == Preprocess::Filter::Bicubic ? "bicubic" : "bilinear";
  std::string text = "/* ---- how a picture becomes the input ----\n * ";
  text += spec.channels == 3 ? "Red, green, blue" : "Grey";
  text += " with 8 bits per channel, ";
  if (crop) {
    text += "its shorter side scaled to " + std::to_string(resized_side(spec, *preprocess)) +
            " pixels (" + filter + ", antialiased),\n * then the middle " + size + " pixels.";
  } else {
    text += "scaled to " + size + " pixels (" + filter + ", antialiased).";
  }
  text += " Layout: ";
  text += input.planar ? "planes, one per channel" : "row by row, the channels of a pixel together";
  text += ".\n * ";
  text += preprocess->raw_pixels && tensor.dtype != DType::Float32
              ? "The model was made to take pixels as they are, not by the input's scale. */\n"
              : "Real value = (pixel / 255 - mean) / deviation, quantized as the input is. */\n";
  text += prefix + "WIDTH " + std::to_string(spec.width) + "u\n";
  text += prefix + "HEIGHT " + std::to_string(spec.height) + "u\n";
  text += prefix + "CHANNELS " + std::to_string(spec.channels) + "u\n";
  if (crop)
    text += prefix + "SHORTER_SIDE " + std::to_string(resized_side(spec, *preprocess)) + "u\n";
  text += prefix + "RAW_PIXELS " + std::to_string(preprocess->raw_pixels ? 1 : 0) + "\n";
  text += prefix + "MEAN " + channel_list(preprocess->mean, spec.channels) + "\n";
  text += prefix + "STD " + channel_list(preprocess->deviation, spec.channels) + "\n\n";
  const std::string type = c_type(tensor.dtype);
  text += "/* The input's value for a pixel, 0 to 255, of a channel below " + upper(model.name) +
          "_PREPROCESS_CHANNELS. */\nstatic inline " + type + " " + model.name +
          "_preprocess(uint8_t pixel, size_t channel) {\n" +
          value_statement(model, tensor.dtype, preprocess->raw_pixels) + "}\n\n";
  return text;
}

}  // namespace mcunet::compiler
