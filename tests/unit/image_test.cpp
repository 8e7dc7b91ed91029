#include "libmcunet/data/image.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "libmcunet/data/preprocess.h"
#include "libmcunet/data/resize.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "tests/unit/image_samples.h"

using namespace mcunet;

namespace {

Image random_image(int width, int height, int channels, uint64_t seed) {
  Image image(width, height, channels);
  SplitMix64 random(seed);
  for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(random.below(256));
  return image;
}

Image decode(const char* sample) { return decode_image(samples::bytes(sample), "sample"); }

std::string problem_with(const std::vector<uint8_t>& bytes) {
  try {
    decode_image(bytes, "sample");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
    CHECK(std::string(error.what()).find("sample: ") == 0);
    return error.what();
  }
  return "";
}

std::vector<uint8_t> text(const std::string& text) { return {text.begin(), text.end()}; }

bool near(const uint8_t* pixel, int r, int g, int b, int tolerance) {
  return std::abs(pixel[0] - r) <= tolerance && std::abs(pixel[1] - g) <= tolerance &&
         std::abs(pixel[2] - b) <= tolerance;
}

// The filter's definition, in double precision and without rounding between the passes.
double filtered(const Image& image, int out_width, int out_height, int x, int y, int channel) {
  const auto weight = [](int input, int output, int position, int sample) {
    const double scale = static_cast<double>(input) / output;
    const double support = std::max(1.0, scale);
    const double center = (position + 0.5) * scale;
    return std::max(0.0, 1.0 - std::abs(sample + 0.5 - center) / support);
  };
  double sum = 0.0;
  double total = 0.0;
  for (int v = 0; v < image.height; ++v) {
    const double wy = weight(image.height, out_height, y, v);
    for (int u = 0; u < image.width && wy > 0.0; ++u) {
      const double w = wy * weight(image.width, out_width, x, u);
      sum += w * image.at(u, v)[channel];
      total += w;
    }
  }
  return sum / total;
}

}  // namespace

TEST_CASE("PNG of every kind") {
  const Image grey1 = decode(samples::kPngGrey1);
  CHECK((grey1.width == 4 && grey1.height == 2 && grey1.channels == 1));
  CHECK(grey1.pixels == std::vector<uint8_t>{255, 0, 255, 0, 0, 255, 0, 255});

  const Image palette = decode(samples::kPngPaletteAlpha);
  CHECK(palette.channels == 3);
  CHECK(palette.pixels == std::vector<uint8_t>{255, 0, 0, 0, 255, 0, 1, 2, 3, 255, 0, 0});

  CHECK(decode(samples::kPngRgba).pixels == std::vector<uint8_t>{10, 20, 30, 40, 50, 60});

  const Image grey16 = decode(samples::kPngGreyAlpha16);
  CHECK(grey16.channels == 1);
  CHECK(grey16.pixels == std::vector<uint8_t>{0x12, 0xAB});
  CHECK(decode(samples::kPngRgb16).pixels == std::vector<uint8_t>{0x12, 0x34, 0x56});
}

TEST_CASE("JPEG of every kind") {
  const Image grey = decode(samples::kJpegGrey);
  CHECK((grey.width == 8 && grey.height == 8 && grey.channels == 1));
  CHECK(grey.pixels == std::vector<uint8_t>(64, 100));

  const Image color = decode(samples::kJpegColor);
  REQUIRE((color.width == 32 && color.height == 16 && color.channels == 3));
  CHECK(near(color.at(2, 8), 200, 30, 20, 3));
  CHECK(near(color.at(29, 8), 10, 60, 220, 3));

  const Image cmyk = decode(samples::kJpegCmyk);
  REQUIRE(cmyk.channels == 3);
  CHECK(near(cmyk.at(4, 4), 204, 102, 0, 3));
}

TEST_CASE("PGM and PPM") {
  const Image grey = decode_image(text("P5\n# comment\n2 1 # more\n255\nAz"), "sample");
  CHECK((grey.width == 2 && grey.height == 1 && grey.channels == 1));
  CHECK(grey.pixels == std::vector<uint8_t>{'A', 'z'});
  CHECK(decode_image(text("P6 1 1 255 abc"), "sample").pixels ==
        std::vector<uint8_t>{'a', 'b', 'c'});
  CHECK(decode_image(text(std::string("P5 2 1 15 \x0F\x01", 12)), "sample").pixels ==
        std::vector<uint8_t>{255, 17});
  CHECK(decode_image(text(std::string("P5 1 1 65535 \x80\x00", 15)), "sample").pixels ==
        std::vector<uint8_t>{128});
  for (const char* bad : {"P5", "P5 2", "P5 2 2 255", "P5 2 2 255 abc", "P5 0 2 255 ",
                          "P6 1 1 0 abc", "P6 1 1 65536 abcdef", "P5 1 1 15 z",
                          "P5 99999999999 1 255 a", "P5 100000 100000 255 a", "P5 -1 1 255 a"}) {
    INFO(bad);
    CHECK_FALSE(problem_with(text(bad)).empty());
  }
}

TEST_CASE("what is no image, or too large, is refused") {
  CHECK(problem_with({}).find("empty") != std::string::npos);
  CHECK(problem_with(text("GIF89a")).find("neither JPEG") != std::string::npos);
  CHECK(problem_with(samples::bytes(samples::kPngHuge)).find("67 million") != std::string::npos);
}

TEST_CASE("every truncation of an image is refused") {
  for (const char* sample : {samples::kPngPaletteAlpha, samples::kPngRgb16, samples::kJpegGrey,
                             samples::kJpegColor, samples::kJpegCmyk}) {
    const std::vector<uint8_t> whole = samples::bytes(sample);
    CHECK(problem_with(whole).empty());
    for (size_t size = 0; size < whole.size(); ++size) {
      std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      INFO(sample << " cut to " << size);
      CHECK_FALSE(problem_with(part).empty());
    }
  }
}

TEST_CASE("damaged images give an error or pixels, never a crash") {
  SplitMix64 random(11);
  for (const char* sample : {samples::kPngGrey1, samples::kPngPaletteAlpha, samples::kJpegGrey,
                             samples::kJpegColor, samples::kJpegCmyk}) {
    for (int i = 0; i < 500; ++i) {
      std::vector<uint8_t> bytes = samples::bytes(sample);
      for (int k = 0; k < 3; ++k) {
        bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.below(256));
      }
      problem_with(bytes);
    }
  }
}

TEST_CASE("PNG encoding loses nothing") {
  for (const int channels : {1, 3}) {
    const Image image = random_image(37, 11, channels, 3);
    const Image again = decode_image(encode_png(image), "again");
    CHECK((again.width == 37 && again.height == 11 && again.channels == channels));
    CHECK(again.pixels == image.pixels);
  }
}

TEST_CASE("resizing to the same size changes nothing") {
  const Image image = random_image(13, 9, 3, 1);
  CHECK(resize_bilinear(image, 13, 9).pixels == image.pixels);
}

TEST_CASE("a constant image stays constant at any size") {
  for (const int value : {0, 1, 127, 128, 254, 255}) {
    Image image(23, 17, 1);
    image.pixels.assign(image.pixels.size(), static_cast<uint8_t>(value));
    for (const int size : {1, 2, 5, 16, 23, 31, 100}) {
      for (const uint8_t pixel : resize_bilinear(image, size, size + 1).pixels) {
        REQUIRE(pixel == value);
      }
    }
  }
}

TEST_CASE("resizing by hand-computed weights") {
  // Half of 4: support 2, centres 1 and 3; weights (3, 3, 1)/7 and (1, 3, 3)/7.
  Image row(4, 1, 1);
  row.pixels = {0, 70, 140, 210};
  CHECK(resize_bilinear(row, 2, 1).pixels == std::vector<uint8_t>{50, 160});
  // Twice 2: weights (1), (3, 1)/4, (1, 3)/4, (1).
  Image column(1, 2, 1);
  column.pixels = {0, 100};
  CHECK(resize_bilinear(column, 1, 4).pixels == std::vector<uint8_t>{0, 25, 75, 100});
}

TEST_CASE("resizing agrees with the filter's definition to the rounding of two passes") {
  uint64_t seed = 100;
  for (const auto& [width, height, new_width, new_height] : {std::array<int, 4>{31, 17, 7, 5},
                                                             {16, 16, 8, 8},
                                                             {9, 20, 21, 13},
                                                             {40, 3, 11, 3},
                                                             {5, 5, 1, 1},
                                                             {1, 1, 4, 4},
                                                             {64, 48, 63, 47}}) {
    const Image image = random_image(width, height, 3, ++seed);
    const Image result = resize_bilinear(image, new_width, new_height);
    REQUIRE((result.width == new_width && result.height == new_height && result.channels == 3));
    for (int y = 0; y < new_height; ++y) {
      for (int x = 0; x < new_width; ++x) {
        for (int c = 0; c < 3; ++c) {
          INFO(width << "x" << height << " seed " << seed << " at " << x << ", " << y);
          REQUIRE(std::abs(result.at(x, y)[c] - filtered(image, new_width, new_height, x, y, c)) <
                  1.01);
        }
      }
    }
  }
}

TEST_CASE("the centre crop rounds its offsets half to even") {
  Image image(9, 1, 1);
  for (int x = 0; x < 9; ++x) *image.at(x, 0) = static_cast<uint8_t>(x);
  CHECK(crop_center(image, 8, 1).pixels.front() == 0);  // 0.5 → 0
  CHECK(crop_center(image, 6, 1).pixels.front() == 2);  // 1.5 → 2
  CHECK(crop_center(image, 4, 1).pixels.front() == 2);  // 2.5 → 2
  CHECK(crop_center(image, 5, 1).pixels == std::vector<uint8_t>{2, 3, 4, 5, 6});
}

TEST_CASE("grey and colour") {
  Image image(4, 1, 3);
  image.pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  const Image grey = convert_channels(image, 1);
  CHECK(grey.pixels == std::vector<uint8_t>{76, 150, 29, 255});
  CHECK(convert_channels(grey, 3).pixels ==
        std::vector<uint8_t>{76, 76, 76, 150, 150, 150, 29, 29, 29, 255, 255, 255});
}

TEST_CASE("fitting follows torchvision's Resize and CenterCrop") {
  const Preprocess crop = find_preprocess("imagenet");
  const Image wide = random_image(300, 250, 3, 5);
  // Shorter side 250 → 201, longer 300 · 201 / 250 = 241.2 → 241.
  const Image expected = crop_center(resize_bilinear(wide, 241, 201), 176, 176);
  CHECK(fit_image(wide, 176, 176, 3, crop).pixels == expected.pixels);

  const Image ready = random_image(176, 176, 3, 6);
  CHECK(fit_image(ready, 176, 176, 3, crop).pixels == ready.pixels);

  Preprocess squash = crop;
  squash.fit = Preprocess::Fit::Squash;
  CHECK(fit_image(wide, 40, 60, 3, squash).pixels == resize_bilinear(wide, 60, 40).pixels);

  Preprocess small = crop;
  small.resize = 10;  // less than the crop needs: enlarged to it
  CHECK(fit_image(wide, 20, 30, 1, small).pixels.size() == 600);
  CHECK(fit_image(random_image(3, 500, 1, 1), 16, 16, 3, crop).pixels.size() == 768);
  CHECK_THROWS_AS(fit_image(random_image(1, 2'000'000, 1, 1), 176, 176, 3, crop), Error);
}

TEST_CASE("tensors of every dtype") {
  Image image(2, 1, 1);
  image.pixels = {0, 255};
  InputSpec input;
  input.height = 1;
  input.width = 2;
  input.channels = 1;

  input.dtype = DType::Float32;
  const auto floats = [&](const char* name) {
    const std::vector<uint8_t> bytes = to_tensor(image, input, find_preprocess(name));
    REQUIRE(bytes.size() == 8);
    std::array<float, 2> values = {};
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  };
  CHECK(floats("zero-one") == std::array<float, 2>{0.0F, 1.0F});
  CHECK(floats("minus-one-one") == std::array<float, 2>{-1.0F, 1.0F});
  CHECK(floats("mcunet-int8") == std::array<float, 2>{-1.0F, 1.0F});
  CHECK(floats("imagenet")[0] == (0.0F - 0.485F) / 0.229F);

  const auto integers = [&](const char* name, DType dtype, float scale, int zero_point) {
    input.dtype = dtype;
    input.scale = scale;
    input.zero_point = zero_point;
    return to_tensor(image, input, find_preprocess(name));
  };
  using Bytes = std::vector<uint8_t>;
  CHECK(integers("zero-one", DType::UInt8, 1.0F / 255, 0) == Bytes{0, 255});
  CHECK(integers("zero-one", DType::Int8, 1.0F / 255, -128) == Bytes{0x80, 0x7F});
  CHECK(integers("zero-one", DType::Int8, 2.0F, 0) == Bytes{0, 1});          // 0.5 → 1
  CHECK(integers("minus-one-one", DType::Int8, 2.0F, 0) == Bytes{0xFF, 1});  // -0.5 → -1
  CHECK(integers("minus-one-one", DType::Int8, 0.001F, 0) == Bytes{0x80, 0x7F});
  CHECK(integers("mcunet-int8", DType::Int8, 123.0F, 45) == Bytes{0x80, 0x7F});
  CHECK(integers("mcunet-int8", DType::UInt8, 123.0F, 45) == Bytes{0, 255});
  CHECK_THROWS_AS(integers("zero-one", DType::Int16, 1.0F, 0), Error);
  CHECK_THROWS_AS(integers("zero-one", DType::Int8, 0.0F, 0), Error);
  input.channels = 2;
  CHECK_THROWS_AS(integers("zero-one", DType::Int8, 1.0F, 0), Error);
}

TEST_CASE("channels keep their own normalisation") {
  Image image(1, 1, 3);
  image.pixels = {255, 255, 255};
  InputSpec input;
  input.height = input.width = 1;
  input.dtype = DType::Float32;
  const std::vector<uint8_t> bytes = to_tensor(image, input, find_preprocess("imagenet"));
  std::array<float, 3> values = {};
  REQUIRE(bytes.size() == sizeof values);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  CHECK(values[1] == (1.0F - 0.456F) / 0.224F);
  CHECK(values[2] == (1.0F - 0.406F) / 0.225F);
}

TEST_CASE("preprocessing by name and from a file") {
  CHECK_THROWS_WITH(find_preprocess("imagnet"), Catch::Contains("did you mean \"imagenet\"?"));
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "p.json").string();
  write_file_atomically(path, R"({"schema": "mcunet.preprocess/1", "fit": "squash", "mean": 0.5,
                                  "std": [0.25, 0.5, 1], "resize": 40})");
  const Preprocess preprocess = find_preprocess(path);
  CHECK(preprocess.fit == Preprocess::Fit::Squash);
  CHECK(preprocess.resize == 40);
  CHECK(preprocess.mean == std::array<float, 3>{0.5F, 0.5F, 0.5F});
  CHECK(preprocess.deviation == std::array<float, 3>{0.25F, 0.5F, 1.0F});
  const auto document = preprocess_to_json(preprocess);
  CHECK(preprocess_to_json(preprocess_from_json(document, "p")) == document);

  for (const char* bad :
       {"{", "[]", "{}", R"({"schema": "x"})", R"({"schema": "mcunet.preprocess/1", "std": 0})",
        R"({"schema": "mcunet.preprocess/1", "mean": [1, 2]})",
        R"({"schema": "mcunet.preprocess/1", "mean": ["a", 1, 2]})",
        R"({"schema": "mcunet.preprocess/1", "resize": 0})",
        R"({"schema": "mcunet.preprocess/1", "resize": "8"})",
        R"({"schema": "mcunet.preprocess/1", "fit": 1})",
        R"({"schema": "mcunet.preprocess/1", "raw_pixels": 1})",
        R"({"schema": "mcunet.preprocess/1", "means": 1})"}) {
    INFO(bad);
    write_file_atomically(path, bad);
    try {
      find_preprocess(path);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Usage);
    }
  }
}

TEST_CASE("real photographs decode") {
  const std::filesystem::path data = "../shared/data";
  if (!std::filesystem::exists(data)) {
    std::cout << "skipped: no " << data.string() << "\n";
    return;
  }
  const Image photo = read_image(data / "person_det.jpg");
  const Image prepared = read_image(data / "person_det_160x128.png");
  REQUIRE((prepared.width == 160 && prepared.height == 128 && prepared.channels == 3));
  REQUIRE(photo.channels == 3);
  // It was resized with another filter (bicubic), so that only the average difference is small.
  const Image resized = resize_bilinear(photo, 160, 128);
  double difference = 0.0;
  for (size_t i = 0; i < resized.pixels.size(); ++i) {
    difference += std::abs(resized.pixels[i] - prepared.pixels[i]);
  }
  CHECK(difference / static_cast<double>(resized.pixels.size()) < 4.0);
}
