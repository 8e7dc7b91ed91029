#include "libmcunet/data/network_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"

namespace mcunet {
namespace {

bool colors(int32_t channels) { return channels == 1 || channels == 3; }

// [height, width, channels] → [channels, height, width]
std::vector<uint8_t> planes_of(const std::vector<uint8_t>& pixels, size_t channels, size_t size) {
  const size_t plane = pixels.size() / channels / size;
  std::vector<uint8_t> planes(pixels.size());
  for (size_t p = 0; p < plane; ++p) {
    for (size_t c = 0; c < channels; ++c)
      std::memcpy(planes.data() + (c * plane + p) * size, pixels.data() + (p * channels + c) * size,
                  size);
  }
  return planes;
}

std::vector<uint8_t> quantized(const std::vector<uint8_t>& floats, const Tensor& tensor) {
  const float scale = tensor.quantization.scale();
  const auto zero_point = static_cast<float>(tensor.quantization.zero_point());
  const float low = tensor.dtype == DType::Int8 ? -128.0F : 0.0F;
  std::vector<uint8_t> bytes(floats.size() / sizeof(float));
  for (size_t i = 0; i < bytes.size(); ++i) {
    float value;
    std::memcpy(&value, &floats[i * sizeof(float)], sizeof value);
    // NaN becomes the lowest code, as the clamp's first comparison has it.
    const float code = std::round(value / scale) + zero_point;
    bytes[i] =
        static_cast<uint8_t>(static_cast<int>(code > low ? std::min(code, low + 255.0F) : low));
  }
  return bytes;
}

std::vector<uint8_t> from_tensor(const RawTensor& data, const Tensor& tensor,
                                 const std::string& name) {
  const bool integer = tensor.dtype == DType::Int8 || tensor.dtype == DType::UInt8;
  if (element_count(data.shape) != tensor.elements()) {
    throw Error(ErrorKind::Input, name + ": samples of shape " + to_string(data.shape) +
                                      " do not fill the input " + to_string(tensor.shape));
  }
  if (data.dtype == tensor.dtype) return data.bytes;
  if (data.dtype == DType::Float32 && integer) return quantized(data.bytes, tensor);
  throw Error(ErrorKind::Input, name + ": samples are " + dtype_name(data.dtype) +
                                    ", the input is " + dtype_name(tensor.dtype));
}

}  // namespace

bool is_image_input(const Tensor& tensor) {
  const Shape& shape = tensor.shape;
  return shape.size() == 4 && shape[0] == 1 && (colors(shape[3]) || colors(shape[1]));
}

ImageInput image_input(const Tensor& tensor) {
  const Shape& shape = tensor.shape;
  if (!is_image_input(tensor))
    throw Error(ErrorKind::Usage, "the model's input " + to_string(shape) + " is no image");
  ImageInput input;
  input.planar = !colors(shape[3]) && colors(shape[1]);
  input.spec.height = input.planar ? shape[2] : shape[1];
  input.spec.width = input.planar ? shape[3] : shape[2];
  input.spec.channels = input.planar ? shape[1] : shape[3];
  input.spec.dtype = tensor.dtype;
  if (!tensor.quantization.empty()) {
    input.spec.scale = tensor.quantization.scale();
    input.spec.zero_point = tensor.quantization.zero_point();
  }
  return input;
}

const Tensor& single_input(const Graph& graph) {
  if (graph.inputs.size() != 1) {
    throw Error(ErrorKind::Usage, "the model has " + std::to_string(graph.inputs.size()) +
                                      " inputs; data sets fill only one");
  }
  return graph.tensor(graph.inputs[0]);
}

std::vector<uint8_t> network_input(const SampleData& data, const Tensor& tensor,
                                   const Preprocess& preprocess, const std::string& name) {
  if (const auto* raw = std::get_if<RawTensor>(&data)) return from_tensor(*raw, tensor, name);
  const ImageInput input = image_input(tensor);
  std::vector<uint8_t> pixels = to_tensor(std::get<Image>(data), input.spec, preprocess);
  if (!input.planar) return pixels;
  return planes_of(pixels, static_cast<size_t>(input.spec.channels), dtype_size(tensor.dtype));
}

NetworkInputs network_inputs(const Dataset& dataset, const Tensor& tensor,
                             const Preprocess& preprocess, int threads) {
  std::vector<std::vector<uint8_t>> bytes(dataset.size());
  std::vector<std::string> problems(dataset.size());
  parallel_for(dataset.size(), threads, [&](size_t i) {
    SampleData data;
    try {
      data = dataset.load(i);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input) throw;
      problems[i] = error.problems().front();
      return;
    }
    bytes[i] = network_input(data, tensor, preprocess, dataset.sample(i).name);
  });
  NetworkInputs result;
  for (size_t i = 0; i < dataset.size(); ++i) {
    if (!problems[i].empty()) {
      result.skipped.push_back(std::move(problems[i]));
    } else {
      result.bytes.push_back(std::move(bytes[i]));
      result.samples.push_back(i);
    }
  }
  check_skipped(result.skipped, dataset.size());
  return result;
}

}  // namespace mcunet
