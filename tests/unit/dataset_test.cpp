#include "libmcunet/data/dataset.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include "libmcunet/data/network_input.h"
#include "libmcunet/data/npy.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"

using namespace mcunet;

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

// A grey image whose every pixel is `value`.
Image plain_image(uint8_t value, int side = 2) {
  Image image(side, side, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

// A folder to fill with files.
class Folder {
 public:
  void put(const std::string& name, const Bytes& bytes) const {
    fs::create_directories((path() / name).parent_path());
    write_file_atomically(path() / name, bytes);
  }
  void put(const std::string& name, const std::string& text) const {
    put(name, Bytes(text.begin(), text.end()));
  }
  void put_image(const std::string& name, uint8_t value) const {
    put(name, encode_png(plain_image(value)));
  }
  Dataset open(const std::string& name = "", Split split = Split::Test) const {
    return open_dataset(name.empty() ? path() : path() / name, split);
  }
  const fs::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

// The first pixel of every sample.
std::vector<int> pixels(const Dataset& dataset) {
  std::vector<int> values;
  for (size_t i = 0; i < dataset.size(); ++i)
    values.push_back(std::get<Image>(dataset.load(i)).pixels.front());
  return values;
}

// Labels, -1 for none.
std::vector<int> labels(const Dataset& dataset) {
  std::vector<int> values;
  for (size_t i = 0; i < dataset.size(); ++i)
    values.push_back(dataset.sample(i).label.value_or(-1));
  return values;
}

// The message of the Error that `call` throws, after its kind was checked.
template <typename Call>
std::string problem_of(Call call, ErrorKind kind = ErrorKind::Input) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("nothing was thrown");
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

Bytes idx(const std::vector<uint32_t>& shape, const Bytes& elements) {
  Bytes bytes = {0, 0, 8, static_cast<uint8_t>(shape.size())};
  for (const uint32_t extent : shape) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<uint8_t>(extent >> shift));
  }
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

Bytes gzipped(const Bytes& bytes) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(bytes.size() + 1000);
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

template <typename T>
NpyArray array_of(DType dtype, std::vector<int64_t> shape, const std::vector<T>& values) {
  NpyArray array;
  array.dtype = dtype;
  array.shape = std::move(shape);
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  array.bytes.assign(bytes, bytes + values.size() * sizeof(T));
  return array;
}

// `classes` classes of `each` samples without data.
Dataset labelled_set(int classes, int each) {
  std::vector<Sample> samples;
  for (int c = 0; c < classes; ++c) {
    for (int i = 0; i < each; ++i) samples.push_back({std::to_string(c), c});
  }
  return Dataset("test", std::vector<std::string>(static_cast<size_t>(classes)), samples,
                 [](size_t) -> SampleData { return Image(1, 1, 1); });
}

}  // namespace

TEST_CASE("dataset: class folders by name, images by name, below too") {
  const Folder folder;
  folder.put_image("b/2.png", 12);
  folder.put_image("b/10.PNG", 11);
  folder.put_image("a/x/deep.png", 2);
  folder.put_image("a/0.png", 1);
  folder.put_image("c/._thumb.png", 99);  // hidden
  folder.put("c/notes.txt", std::string("no image"));
  folder.put(".git/x.png", std::string("hidden"));
  const Dataset dataset = folder.open();
  CHECK(dataset.classes() == std::vector<std::string>{"a", "b", "c"});
  CHECK(dataset.labelled());
  CHECK(labels(dataset) == std::vector<int>{0, 0, 1, 1});
  CHECK(pixels(dataset) == std::vector<int>{1, 2, 11, 12});
  CHECK(dataset.sample(1).name == "a/x/deep.png");
}

TEST_CASE("dataset: images without classes; not beside class folders") {
  const Folder folder;
  folder.put_image("2.png", 2);
  folder.put_image("1.png", 1);
  const Dataset dataset = folder.open();
  CHECK_FALSE(dataset.labelled());
  CHECK(dataset.classes().empty());
  CHECK(pixels(dataset) == std::vector<int>{1, 2});
  folder.put_image("class/3.png", 3);
  CHECK(contains(problem_of([&] { folder.open(); }), "1.png lies beside class folders"));
}

TEST_CASE("dataset: labels.csv keeps its order and needs no header") {
  const Folder folder;
  for (const uint8_t value : {1, 2, 3}) folder.put_image(std::to_string(value) + ".png", value);
  folder.put_image("with, comma.png", 4);
  folder.put("labels.csv",
             std::string("\xEF\xBB\xBF"
                         "file,class,label\r\n3.png,2,\"cat, \"\"big\"\"\"\r\n1.png,0,dog\r\n\r\n"
                         "\"with, comma.png\",2\r\n"));
  const Dataset dataset = folder.open();
  CHECK(pixels(dataset) == std::vector<int>{3, 1, 4});
  CHECK(labels(dataset) == std::vector<int>{2, 0, 2});
  CHECK(dataset.classes() == std::vector<std::string>{"dog", "", "cat, \"big\""});

  folder.put("labels.csv", std::string("2.png,1\n"));
  CHECK(labels(folder.open()) == std::vector<int>{1});
}

TEST_CASE("dataset: every wrong line of labels.csv is named") {
  const Folder folder;
  folder.put_image("1.png", 1);
  folder.put("labels.csv", std::string("1.png,x\n1.png\nmissing.png,1\n1.png,-1\n1.png,65536\n"
                                       "1.png,1,a,b\n1.png,0\n"));
  const std::string problem = problem_of([&] { folder.open(); });
  CHECK(contains(problem, "line 1: 'x' is no class index"));
  CHECK(contains(problem, "line 2: expected file,class index"));
  CHECK(contains(problem, "line 3: there is no file missing.png"));
  CHECK(contains(problem, "line 4: '-1'"));
  CHECK(contains(problem, "line 5: '65536'"));
  CHECK(contains(problem, "line 6: expected"));
  CHECK(problem.find("line 7") == std::string::npos);
  folder.put("labels.csv", std::string("\"1.png,0\n"));
  CHECK(contains(problem_of([&] { folder.open(); }), "line 1: a quote is opened"));
  folder.put("labels.csv", std::string("file,class\n"));
  CHECK(contains(problem_of([&] { folder.open(); }), "the data set is empty"));
}

TEST_CASE("dataset: train and test halves of folders") {
  const Folder folder;
  folder.put_image("train/a/1.png", 1);
  folder.put_image("val/a/2.png", 2);
  CHECK(pixels(folder.open("", Split::Train)) == std::vector<int>{1});
  CHECK(pixels(folder.open("", Split::Test)) == std::vector<int>{2});

  const Folder only;
  only.put_image("test/a/1.png", 1);
  only.put_image("test/b/2.png", 2);
  CHECK(only.open("", Split::Train).classes() == std::vector<std::string>{"a", "b"});
  const Folder classes;  // one of which has such a name
  classes.put_image("test/1.png", 1);
  classes.put_image("other/2.png", 2);
  CHECK(classes.open().classes() == std::vector<std::string>{"other", "test"});
}

TEST_CASE("dataset: nothing there, nothing known") {
  const Folder folder;
  CHECK(contains(problem_of([&] { folder.open(); }), "no images here"));
  CHECK(contains(problem_of([&] { folder.open("missing"); }), "no such file or folder"));
  folder.put("x.bin", std::string("x"));
  CHECK(contains(problem_of([&] { folder.open("x.bin"); }), "no data set"));
}

TEST_CASE("dataset: IDX pairs, packed or not") {
  const Folder folder;
  const Bytes test = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  folder.put("t10k-images-idx3-ubyte", idx({2, 2, 3}, test));
  folder.put("t10k-labels-idx1-ubyte.gz", gzipped(idx({2}, {3, 0})));
  Dataset dataset = folder.open("", Split::Train);  // the only half
  CHECK(labels(dataset) == std::vector<int>{3, 0});
  CHECK(dataset.classes() == std::vector<std::string>{"0", "1", "2", "3"});
  const Image image = std::get<Image>(dataset.load(1));
  CHECK((image.width == 3 && image.height == 2 && image.channels == 1));
  CHECK(image.pixels == Bytes{7, 8, 9, 10, 11, 12});

  folder.put("train-images-idx3-ubyte.gz", gzipped(idx({1, 1, 1}, {77})));
  CHECK(pixels(folder.open("", Split::Train)) == std::vector<int>{77});
  CHECK_FALSE(folder.open("", Split::Train).labelled());
  CHECK(folder.open("", Split::Test).size() == 2);
  CHECK(folder.open("t10k-images-idx3-ubyte").size() == 2);

  folder.put("t10k-labels-idx1-ubyte.gz", gzipped(idx({3}, {3, 0, 1})));
  CHECK(contains(problem_of([&] { folder.open(); }), "3 labels for 2 images"));
}

TEST_CASE("dataset: damaged IDX files are refused") {
  const Folder folder;
  const std::string name = "train-images-idx3-ubyte";
  const Bytes good = idx({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Bytes packed = gzipped(good);
  for (size_t length = 0; length < good.size(); ++length) {
    folder.put(name, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
    problem_of([&] { folder.open(); });
  }
  for (size_t length = 0; length < packed.size(); ++length) {
    folder.put(name, Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(length)));
    problem_of([&] { folder.open(); });
  }
  folder.put(name, idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {}));
  CHECK(contains(problem_of([&] { folder.open(); }), "more than 2^31 elements"));
  folder.put(name, idx({2, 2}, {1, 2, 3, 4}));
  CHECK(contains(problem_of([&] { folder.open(); }), "no images"));
  folder.put(name, idx({0, 2, 2}, {}));
  CHECK(contains(problem_of([&] { folder.open(); }), "the data set is empty"));
  Bytes floats = good;
  floats[2] = 0x0D;
  folder.put(name, floats);
  CHECK(contains(problem_of([&] { folder.open(); }, ErrorKind::Unsupported), "IDX type 13"));
}

TEST_CASE("dataset: CIFAR-10's binary version") {
  const Folder folder;
  constexpr size_t kRecord = 3073;
  Bytes batch(2 * kRecord);
  batch[0] = 9;
  batch[kRecord] = 4;
  batch[kRecord + 1] = 10;         // red of the first pixel
  batch[kRecord + 1 + 1024] = 20;  // green
  batch[kRecord + 1 + 2048] = 30;
  batch[kRecord + 2] = 40;  // red of the second
  folder.put("test_batch.bin", batch);
  Dataset dataset = folder.open();
  CHECK(labels(dataset) == std::vector<int>{9, 4});
  CHECK(dataset.classes().at(4) == "4");
  const Image image = std::get<Image>(dataset.load(1));
  CHECK(Bytes(image.pixels.begin(), image.pixels.begin() + 4) == Bytes{10, 20, 30, 40});

  folder.put("batches.meta.txt", std::string("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n"));
  for (const char* name : {"data_batch_2.bin", "data_batch_1.bin"}) folder.put(name, batch);
  dataset = folder.open("", Split::Train);
  CHECK(dataset.size() == 4);
  CHECK(dataset.classes().at(4) == "e");
  CHECK(dataset.sample(2).name == "data_batch_2.bin:0");
  CHECK(folder.open("data_batch_1.bin").size() == 2);

  batch[0] = 10;
  folder.put("test_batch.bin", batch);
  CHECK(contains(problem_of([&] { folder.open(); }), "label 10"));
  batch.pop_back();
  folder.put("test_batch.bin", batch);
  CHECK(contains(problem_of([&] { folder.open(); }), "no multiple of 3073"));
}

TEST_CASE("dataset: arrays of images and of tensors") {
  const Folder folder;
  folder.put("x.npy", format_npy(array_of<uint8_t>(DType::UInt8, {2, 1, 2}, {1, 2, 3, 4})));
  folder.put("labels.npy", format_npy(array_of<int64_t>(DType::Int64, {2}, {5, 1})));
  Dataset dataset = folder.open("x.npy");
  CHECK(labels(dataset) == std::vector<int>{5, 1});
  CHECK(std::get<Image>(dataset.load(1)).pixels == Bytes{3, 4});

  folder.put("f.npy", format_npy(array_of<float>(DType::Float32, {2, 2}, {1, 2, 3, 4})));
  folder.put("f-labels.npy", format_npy(array_of<int8_t>(DType::Int8, {2}, {0, 1})));
  dataset = folder.open("f.npy");
  CHECK(labels(dataset) == std::vector<int>{0, 1});
  const RawTensor tensor = std::get<RawTensor>(dataset.load(1));
  CHECK((tensor.dtype == DType::Float32 && tensor.shape == Shape{2} && tensor.bytes.size() == 8));

  folder.put("f-labels.npy", format_npy(array_of<int8_t>(DType::Int8, {2}, {0, -1})));
  CHECK(contains(problem_of([&] { folder.open("f.npy"); }), "label 1 is -1"));
  folder.put("f-labels.npy", format_npy(array_of<int8_t>(DType::Int8, {1}, {0})));
  CHECK(contains(problem_of([&] { folder.open("f.npy"); }), "expected 2 integers"));
  folder.put("i.npy", format_npy(array_of<int32_t>(DType::Int32, {2, 1}, {0, 1})));
  CHECK(contains(problem_of([&] { folder.open("i.npy"); }), "elements are int32"));
  folder.put("n.npy", format_npy(array_of<float>(DType::Float32, {0, 3}, {})));
  CHECK(contains(problem_of([&] { folder.open("n.npy"); }), "no samples"));
}

TEST_CASE("npy: written arrays are read again; damaged ones are refused") {
  const NpyArray array = array_of<float>(DType::Float32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Bytes bytes = format_npy(array);
  CHECK((bytes.size() - array.bytes.size()) % 64 == 0);
  const NpyArray again = parse_npy(bytes, "x");
  CHECK((again.dtype == array.dtype && again.shape == array.shape && again.bytes == array.bytes));
  CHECK(parse_npy(format_npy(array_of<int8_t>(DType::Int8, {}, {7})), "x").elements() == 1);

  for (size_t length = 0; length < bytes.size(); ++length) {
    INFO(length);
    problem_of([&] {
      parse_npy(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)), "x");
    });
  }
  const auto with_header = [&](const std::string& header) {
    Bytes changed(bytes.begin(), bytes.begin() + 8);
    changed.push_back(static_cast<uint8_t>(header.size()));
    changed.push_back(0);
    changed.insert(changed.end(), header.begin(), header.end());
    changed.insert(changed.end(), array.bytes.begin(), array.bytes.end());
    return changed;
  };
  CHECK(parse_npy(with_header("{\"shape\":(6,), 'descr' : '<f4','fortran_order':False}"), "x")
            .shape == std::vector<int64_t>{6});
  for (const char* header :
       {"", "{", "{'descr': '<f4', 'fortran_order': False}", "{'x': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6"}) {
    INFO(header);
    problem_of([&] { parse_npy(with_header(header), "x"); });
  }
  for (const char* header : {"{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}",
                             "{'descr': '<f4', 'fortran_order': True, 'shape': (6,)}",
                             "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"}) {
    INFO(header);
    problem_of([&] { parse_npy(with_header(header), "x"); }, ErrorKind::Unsupported);
  }
}

TEST_CASE("npy: random bytes in the header never do harm") {
  const uint64_t seed = 20261122;
  INFO("seed " << seed);
  SplitMix64 random(seed);
  const Bytes good = format_npy(array_of<float>(DType::Float32, {2, 3}, {1, 2, 3, 4, 5, 6}));
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes = good;
    for (uint64_t n = 1 + random.below(3); n > 0; --n)
      bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.below(256));
    try {
      const NpyArray array = parse_npy(bytes, "x");
      CHECK(array.bytes.size() == static_cast<size_t>(array.elements()) * dtype_size(array.dtype));
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("dataset: a choice is stratified, repeatable, growing") {
  const Dataset dataset = labelled_set(7, 13);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    for (const size_t count : {7, 14, 35, 90, 91, 1000}) {
      const Dataset chosen = dataset.choose(count, seed);
      REQUIRE(chosen.size() == std::min<size_t>(count, 91));
      std::map<int, size_t> counts;
      for (const int label : labels(chosen)) ++counts[label];
      const double share = static_cast<double>(chosen.size()) / 7;
      for (const auto& [label, found] : counts) {
        CHECK(static_cast<double>(found) > share - 1.0);
        CHECK(static_cast<double>(found) < share + 1.0);
      }
    }
  }
  // Which ones, seen by what they load.
  std::vector<Sample> samples;
  for (int i = 0; i < 50; ++i) samples.push_back({std::to_string(i), i % 3});
  const Dataset numbered("test", {"", "", ""}, samples, [](size_t i) -> SampleData {
    return plain_image(static_cast<uint8_t>(i));
  });
  const std::vector<int> ten = pixels(numbered.choose(10, 1));
  CHECK(pixels(numbered.choose(10, 1)) == ten);
  CHECK(pixels(numbered.choose(10, 2)) != ten);
  CHECK(std::is_sorted(ten.begin(), ten.end()));
  const std::vector<int> twenty = pixels(numbered.choose(20, 1));
  CHECK(std::includes(twenty.begin(), twenty.end(), ten.begin(), ten.end()));
  CHECK(numbered.choose(10, 1).choose(3, 5).size() == 3);
  CHECK(pixels(numbered.subset({4, 2})) == std::vector<int>{4, 2});
}

TEST_CASE("dataset: a few corrupt images are left out, many are refused") {
  const Folder folder;
  for (int i = 0; i < 20; ++i)
    folder.put_image("a/" + std::to_string(10 + i) + ".png", static_cast<uint8_t>(i));
  folder.put("a/11.png", std::string("no image"));
  Tensor input;
  input.dtype = DType::UInt8;
  input.shape = {1, 2, 2, 1};
  input.quantization = {{1.0F / 255.0F}, {0}, 0};
  const Preprocess raw = find_preprocess("zero-one");
  for (const int threads : {1, 4}) {
    const NetworkInputs inputs = network_inputs(folder.open(), input, raw, threads);
    REQUIRE(inputs.bytes.size() == 19);
    CHECK(inputs.samples[1] == 2);
    CHECK(inputs.bytes[1] == Bytes{2, 2, 2, 2});
    REQUIRE(inputs.skipped.size() == 1);
    CHECK(contains(inputs.skipped[0], "11.png: neither JPEG"));
  }
  for (const char* name : {"a/12.png", "a/13.png"}) folder.put(name, std::string("no image"));
  const std::string problem = problem_of([&] { network_inputs(folder.open(), input, raw, 2); });
  CHECK(contains(problem, "11.png"));
  CHECK(contains(problem, "3 of 20 samples cannot be used, too many"));
  CHECK_NOTHROW(check_skipped({"x"}, 10));
  CHECK_THROWS_AS(check_skipped({"x"}, 9), Error);
  CHECK(
      contains(problem_of([] { check_skipped({"x"}, 1, 1.0); }), "1 of 1 samples cannot be used"));
}

TEST_CASE("network input: raw tensors go in as they are, or quantized") {
  Tensor input;
  input.dtype = DType::Int8;
  input.shape = {1, 4};
  input.quantization = {{0.5F}, {3}, 0};
  const Preprocess preprocess;
  const auto tensor = [](const NpyArray& array) {
    return RawTensor{array.dtype, {static_cast<int32_t>(array.shape[0])}, array.bytes};
  };
  const Bytes codes = network_input(
      tensor(array_of<float>(DType::Float32, {4}, {0.25F, -0.25F, 1000.0F, -1000.0F})), input,
      preprocess, "x");
  CHECK(codes == Bytes{4, 2, 127, 0x80});
  CHECK(network_input(tensor(array_of<int8_t>(DType::Int8, {4}, {1, 2, 3, -4})), input, preprocess,
                      "x") == Bytes{1, 2, 3, 0xFC});
  CHECK(contains(problem_of([&] {
                   network_input(tensor(array_of<float>(DType::Float32, {3}, {0, 0, 0})), input,
                                 preprocess, "x");
                 }),
                 "x: samples of shape 3 do not fill the input 1x4"));
  input.dtype = DType::Float32;
  CHECK(contains(problem_of([&] {
                   network_input(tensor(array_of<int8_t>(DType::Int8, {4}, {1, 2, 3, 4})), input,
                                 preprocess, "x");
                 }),
                 "samples are int8, the input is float32"));
  problem_of([&] { network_input(plain_image(1), input, preprocess, "x"); }, ErrorKind::Usage);
}

TEST_CASE("network input: planar inputs get planes") {
  Tensor input;
  input.dtype = DType::UInt8;
  input.shape = {1, 3, 1, 2};
  input.quantization = {{1.0F / 255.0F}, {0}, 0};
  Image image(2, 1, 3);
  image.pixels = {1, 2, 3, 4, 5, 6};
  CHECK(network_input(image, input, find_preprocess("zero-one"), "x") == Bytes{1, 4, 2, 5, 3, 6});
}

TEST_CASE("dataset: the imagenet sample") {
  const std::string sample = MCUNET_SOURCE_DIR "/../shared/data/imagenet-sample/calib";
  if (fs::exists(sample)) {
    const Dataset dataset = open_dataset(sample, Split::Test);
    CHECK(dataset.size() == 100);
    CHECK(dataset.classes().size() == 991);
    CHECK(dataset.classes().at(10) == "brambling");
    CHECK(std::get<Image>(dataset.load(99)).width == 176);
  } else {
    std::cout << "skipped: ../shared is not here\n";
  }
}
