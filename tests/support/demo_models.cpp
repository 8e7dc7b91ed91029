#include "tests/support/demo_models.h"

#include <functional>
#include <utility>

#include "libmcunet/support/error.h"
#include "libmcunet/support/suggest.h"
#include "tests/support/builder.h"

namespace mcunet::testing {
namespace {

constexpr float kImageScale = 1.0f / 64;  // images normalised to about [-2, 2]

// Expand, filter each channel, project; with a shortcut where the shapes allow it.
// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
TensorId inverted_residual(GraphBuilder& build, TensorId x, int32_t expansion, int32_t channels,
                           int32_t kernel, int32_t stride) {
  const int32_t in_channels = build.shape(x)[3];
  TensorId y = x;
  if (expansion > 1) {
    y = build.conv(y, in_channels * expansion, Window::square(1, 1, Activation::Relu6));
  }
  y = build.depthwise(y, 1, Window::square(kernel, stride, Activation::Relu6));
  y = build.conv(y, channels, Window::square(1));
  return stride == 1 && channels == in_channels ? build.add(x, y) : y;
}

// An image classifier of MobileNetV2's form: 96x96x3, ten blocks, ten classes.
Graph mobilenet() {
  GraphBuilder build("demo_mobilenet", 1);
  TensorId x = build.input({1, 96, 96, 3}, kImageScale, -1);
  x = build.conv(x, 16, Window::square(3, 2, Activation::Relu6));
  x = inverted_residual(build, x, 1, 8, 3, 1);
  x = inverted_residual(build, x, 4, 16, 3, 2);
  x = inverted_residual(build, x, 4, 16, 3, 1);
  x = inverted_residual(build, x, 4, 24, 5, 2);
  x = inverted_residual(build, x, 4, 24, 3, 1);
  x = inverted_residual(build, x, 4, 32, 5, 2);
  x = inverted_residual(build, x, 4, 32, 3, 1);
  x = inverted_residual(build, x, 4, 32, 7, 1);
  x = inverted_residual(build, x, 4, 48, 3, 1);
  x = inverted_residual(build, x, 4, 48, 3, 2);
  x = build.conv(x, 96, Window::square(1, 1, Activation::Relu6));
  x = build.mean(x, {1, 2});
  x = build.fully_connected(x, 10);
  return build.build({build.softmax(x)});
}

// Keyword spotting: depthwise separable convolutions over 49 frames of 10 coefficients.
// Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017.
Graph keywords() {
  GraphBuilder build("demo_keywords", 2);
  TensorId x = build.input({1, 49, 10, 1}, 1.0f / 64, 83);
  Window first;
  first.kernel_h = 10;
  first.kernel_w = 4;
  first.stride_h = first.stride_w = 2;
  first.activation = Activation::Relu;
  x = build.conv(x, 32, first);
  for (int i = 0; i < 4; ++i) {
    x = build.depthwise(x, 1, Window::square(3, 1, Activation::Relu));
    x = build.conv(x, 32, Window::square(1, 1, Activation::Relu));
  }
  Window all;
  all.kernel_h = build.shape(x)[1];
  all.kernel_w = build.shape(x)[2];
  all.stride_h = all.kernel_h;
  all.stride_w = all.kernel_w;
  all.mode = PaddingMode::Valid;
  x = build.average_pool(x, all);
  x = build.reshape(x, {1, 32});
  return build.build({build.softmax(build.fully_connected(x, 12))});
}

TensorId residual_block(GraphBuilder& build, TensorId x, int32_t channels, int32_t stride) {
  TensorId y = build.conv(x, channels, Window::square(3, stride, Activation::Relu));
  y = build.conv(y, channels, Window::square(3));
  if (stride != 1) x = build.conv(x, channels, Window::square(1, stride));
  return build.add(x, y, Activation::Relu);
}

// He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; eight layers for 32x32.
Graph resnet() {
  GraphBuilder build("demo_resnet", 3);
  TensorId x = build.input({1, 32, 32, 3}, kImageScale, 0);
  x = build.conv(x, 8, Window::square(3, 1, Activation::Relu));
  x = residual_block(build, x, 8, 1);
  x = residual_block(build, x, 16, 2);
  x = residual_block(build, x, 32, 2);
  Window all = Window::square(8, 8, Activation::None, PaddingMode::Valid);
  x = build.reshape(build.average_pool(x, all), {1, 32});
  return build.build({build.softmax(build.fully_connected(x, 10))});
}

// Anomaly detection by reconstruction: fully connected layers around a bottleneck of 8.
Graph autoencoder() {
  GraphBuilder build("demo_autoencoder", 4);
  build.weights.per_channel = false;
  TensorId x = build.input({1, 160}, 0.3f, 20);
  for (const int32_t width : {64, 64, 8, 64, 64}) {
    x = build.fully_connected(x, width, Activation::Relu);
  }
  return build.build({build.fully_connected(x, 160)});
}

// A detector with a path back up and boxes at three resolutions; from an 8-bit camera image in
// planes.
Graph detector() {
  GraphBuilder build("demo_detector", 5);
  const auto stage = [&](TensorId x, int32_t channels) {
    x = build.pad(x, {0, 1, 1, 0}, {0, 1, 1, 0});
    x = build.conv(x, channels, Window::square(3, 2, Activation::None, PaddingMode::Valid));
    return build.leaky_relu(x, 0.1f);
  };
  const auto head = [&](TensorId x) { return build.conv(x, 18, Window::square(1)); };
  TensorId x = build.input({1, 3, 64, 64}, kImageScale, -2);
  x = build.transpose(x, {0, 2, 3, 1});
  x = stage(x, 8);
  x = build.max_pool(build.conv(x, 16, Window::square(3, 1, Activation::Relu)),
                     Window::square(2, 2, Activation::None, PaddingMode::Valid));
  const TensorId fine = inverted_residual(build, x, 3, 16, 3, 1);
  const TensorId middle = stage(fine, 24);
  const TensorId coarse = stage(middle, 32);
  const auto up = [&](TensorId from, TensorId beside) {
    const Shape target = build.shape(beside);
    return build.concat({build.resize(from, target[1], target[2]), beside}, 3);
  };
  const TensorId joined =
      build.conv(up(coarse, middle), 24, Window::square(1, 1, Activation::Relu));
  const TensorId finest = build.conv(up(joined, fine), 16, Window::square(3, 1, Activation::Relu));
  return build.build({head(coarse), head(joined), head(finest)});
}

// Squeeze-and-excite blocks with hard swish, between float32 edges.
// Howard et al., "Searching for MobileNetV3", ICCV 2019.
Graph squeeze_and_excite() {
  GraphBuilder build("demo_se", 6);
  const auto gated = [&](TensorId x) {
    const int32_t channels = build.shape(x)[3];
    TensorId gate = build.mean(x, {1, 2}, true);
    gate = build.conv(gate, channels / 4, Window::square(1, 1, Activation::Relu));
    gate = build.unary(OpKind::Logistic, build.conv(gate, channels, Window::square(1)));
    return build.mul(x, gate);
  };
  TensorId x = build.quantize(build.float_input({1, 40, 40, 3}));
  x = build.unary(OpKind::HardSwish, build.conv(x, 8, Window::square(3, 2)));
  for (const int32_t channels : {16, 24}) {
    TensorId y = build.unary(OpKind::HardSwish, build.conv(x, channels * 2, Window::square(1)));
    y = gated(build.depthwise(y, 1, Window::square(5, 2)));
    x = build.conv(y, channels, Window::square(1));
    x = build.add(x, gated(x));
  }
  x = build.mean(x, {1, 2});
  x = build.fully_connected(x, 12);
  return build.build({build.dequantize(x)});
}

using Maker = std::function<Graph()>;

std::vector<std::pair<std::string, Maker>> makers() {
  return {{"demo_mobilenet", mobilenet}, {"demo_keywords", keywords},
          {"demo_resnet", resnet},       {"demo_autoencoder", autoencoder},
          {"demo_detector", detector},   {"demo_se", squeeze_and_excite}};
}

}  // namespace

std::vector<std::string> demo_model_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers()) names.push_back(name);
  return names;
}

Graph demo_model(const std::string& name) {
  for (const auto& [known, make] : makers()) {
    if (known == name) return make();
  }
  throw Error(ErrorKind::Usage,
              "no demo model '" + name + "'" + did_you_mean(name, demo_model_names()));
}

}  // namespace mcunet::testing
