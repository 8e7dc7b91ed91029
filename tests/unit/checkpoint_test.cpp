// PyTorch checkpoints: both forms are read, damaged ones are refused, and nothing in them is
// executed.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "libmcunet/checkpoint/pickle.h"
#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/checkpoint/storage.h"
#include "libmcunet/checkpoint/write.h"
#include "libmcunet/checkpoint/zip_archive.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "tests/support/mutants.h"

using namespace mcunet;
using namespace mcunet::checkpoint;
using Catch::Matchers::Contains;
using mcunet::testing::Bytes;

namespace {

Bytes fixture(const std::string& name) {
  return read_file(std::filesystem::path(MCUNET_SOURCE_DIR) / "tests" / "unit" / "data" / name);
}

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  REQUIRE(tensor.data->size() == tensor.byte_size());
  std::vector<T> all(tensor.data->size() / sizeof(T));
  std::memcpy(all.data(), tensor.data->data(), tensor.data->size());
  return all;
}

template <typename T>
Tensor tensor_of(const std::string& name, DType dtype, const Shape& shape,
                 const std::vector<T>& content) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.shape = shape;
  auto bytes = std::make_shared<Bytes>(content.size() * sizeof(T));
  std::memcpy(bytes->data(), content.data(), bytes->size());
  tensor.data = std::move(bytes);
  return tensor;
}

Error error_of(const Bytes& bytes) {
  try {
    read_state_dict(bytes, "weights.pth");
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}
std::string text_of(const std::string& text) { return "X" + little_endian(text.size(), 4) + text; }
std::string integer(uint64_t value) { return "\x8a\x08" + little_endian(value, 8); }
std::string tuple(const std::vector<uint64_t>& items) {
  std::string text = "(";
  for (const uint64_t item : items) text += integer(item);
  return text + "t";
}

// The storage with key "0" of float32.
std::string storage(uint64_t elements) {
  return "(" + text_of("storage") + "ctorch\nFloatStorage\n" + text_of("0") + text_of("cpu") +
         integer(elements) + "NtQ";
}
std::string tensor(uint64_t elements, uint64_t offset, const std::vector<uint64_t>& sizes,
                   const std::vector<uint64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage(elements) + integer(offset) +
         tuple(sizes) + tuple(strides) + "\x89)tR";
}

// A legacy file with this pickle as its object, and storage "0" of four numbers.
Bytes legacy(const std::string& object) {
  std::string file = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  file += "\x80\x02M\xe9\x03.";
  file += "\x80\x02}(" + text_of("little_endian") + "\x88u.";
  file += "\x80\x02" + object + ".";
  file += "\x80\x02](" + text_of("0") + "e.";
  file += little_endian(4, 8);
  for (const float value : {1.0F, 2.0F, 3.0F, 4.0F}) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(&bytes[0], &value, sizeof value);
    file += bytes;
  }
  return {file.begin(), file.end()};
}
Bytes legacy_tensor(const std::string& content) {
  return legacy("}" + text_of("w") + content + "s");
}

}  // namespace

TEST_CASE("both forms of PyTorch's checkpoints are read", "[checkpoint]") {
  const std::string name = GENERATE("torch_zip.pth", "torch_legacy.pth");
  CAPTURE(name);
  const Bytes bytes = fixture(name);
  CHECK(is_checkpoint(bytes, "file"));
  const StateDict tensors = read_state_dict(bytes, name);
  REQUIRE(tensors.size() == 9);
  CHECK(tensors.at("view").shape == Shape{2, 2});
  CHECK(tensors.at("view").name == "view");
  CHECK(values<float>(tensors.at("view")) == std::vector<float>{7, 13, 9, 15});
  const auto half = values<float>(tensors.at("half"));
  CHECK(half == std::vector<float>{1.5F, -2.25F, std::ldexp(1.0F, -24), 65504.0F});
  CHECK(values<float>(tensors.at("bf")) == std::vector<float>{1.5F, -3.0F});
  CHECK(values<float>(tensors.at("dbl")) == std::vector<float>{0.1F});
  CHECK(tensors.at("n").dtype == DType::Int64);
  CHECK(tensors.at("n").shape.empty());
  CHECK(values<int64_t>(tensors.at("n")) == std::vector<int64_t>{7});
  CHECK(tensors.at("b").dtype == DType::Bool);
  CHECK(values<uint8_t>(tensors.at("b")) == std::vector<uint8_t>{1, 0});
  CHECK(values<int8_t>(tensors.at("i8")) == std::vector<int8_t>{-3, 4});
  CHECK(values<float>(tensors.at("expanded")) == std::vector<float>{5, 5, 5});
  CHECK(values<float>(tensors.at("p")) == std::vector<float>{1, 2});
}

TEST_CASE("what is written is read again", "[checkpoint]") {
  StateDict tensors;
  const auto add = [&](Tensor tensor) { tensors.emplace(tensor.name, std::move(tensor)); };
  add(tensor_of<float>("conv.weight", DType::Float32, {2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}));
  add(tensor_of<int64_t>("bn.num_batches_tracked", DType::Int64, {}, {int64_t{1} << 40}));
  add(tensor_of<int8_t>("bytes", DType::Int8, {3}, {-1, 0, 1}));
  add(tensor_of<float>("empty", DType::Float32, {0, 4}, {}));
  const Bytes bytes = write_state_dict(tensors);
  CHECK(is_checkpoint(bytes, "file"));
  CHECK(bytes == write_state_dict(tensors));
  const StateDict read = read_state_dict(bytes, "written");
  REQUIRE(read.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    CHECK(read.at(name).shape == tensor.shape);
    CHECK(read.at(name).dtype == tensor.dtype);
    CHECK(*read.at(name).data == *tensor.data);
  }
}

TEST_CASE("numbers of 16 bits are widened exactly", "[checkpoint]") {
  CHECK(half_to_float(0x0000) == 0.0F);
  CHECK(std::signbit(half_to_float(0x8000)));
  CHECK(half_to_float(0x0001) == std::ldexp(1.0F, -24));
  CHECK(half_to_float(0x03FF) == 1023 * std::ldexp(1.0F, -24));
  CHECK(half_to_float(0x0400) == std::ldexp(1.0F, -14));
  CHECK(half_to_float(0x3C00) == 1.0F);
  CHECK(half_to_float(0xC500) == -5.0F);
  CHECK(half_to_float(0x7BFF) == 65504.0F);
  CHECK(half_to_float(0xFC00) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(half_to_float(0x7E00)));
}

TEST_CASE("a prefix that all names share is dropped", "[checkpoint]") {
  StateDict tensors;
  for (const char* name : {"module.a", "module.b"})
    tensors.emplace(name, tensor_of<float>(name, DType::Float32, {1}, {1}));
  const StateDict read = read_state_dict(write_state_dict(tensors), "net.pth");
  CHECK(read.count("a") == 1);
  CHECK(read.at("b").name == "b");
  tensors.emplace("c", tensor_of<float>("c", DType::Float32, {1}, {1}));
  CHECK(read_state_dict(write_state_dict(tensors), "net.pth").count("module.a") == 1);
}

TEST_CASE("the state dict is found among other things", "[checkpoint]") {
  const std::string one = "}" + text_of("w") + tensor(4, 0, {4}, {1}) + "s";
  const std::string two = "}" + text_of("v") + tensor(4, 0, {2}, {1}) + "s";
  const auto dict = [&](const std::string& first, const std::string& second) {
    return legacy("}(" + text_of(first) + one + text_of(second) + two + "u");
  };
  CHECK(read_state_dict(dict("optimizer", "model"), "net").count("v") == 1);
  CHECK(read_state_dict(dict("state_dict", "model"), "net").count("w") == 1);
  const Error error = error_of(dict("first", "second"));
  CHECK(error.kind() == ErrorKind::Input);
  CHECK_THAT(error.what(), Contains("first, second"));
  CHECK_THAT(error_of(legacy("}")).what(), Contains("no dict of tensors"));
  CHECK_THAT(error_of(legacy("K\x07")).what(), Contains("no dict of tensors"));
}

TEST_CASE("tensors stay inside their storage", "[checkpoint]") {
  CHECK(values<float>(read_state_dict(legacy_tensor(tensor(4, 1, {3}, {1})), "net").at("w")) ==
        std::vector<float>{2, 3, 4});
  const uint64_t huge = uint64_t{1} << 62;
  for (const std::string& outside :
       {tensor(4, 2, {3}, {1}), tensor(4, 4, {1}, {1}), tensor(4, 0, {2}, {4}),
        tensor(4, 0, {2, 2}, {3, 1}), tensor(4, huge, {2}, {1}), tensor(4, 0, {2}, {huge}),
        tensor(4, 0, {3, 3}, {huge, huge})}) {
    const Error error = error_of(legacy_tensor(outside));
    CHECK(error.kind() == ErrorKind::Input);
    CHECK_THAT(error.what(), Contains("leaves its storage"));
  }
  const Error large = error_of(legacy_tensor(tensor(4, 0, {1 << 20, 1 << 20}, {0, 0})));
  CHECK(large.kind() == ErrorKind::Unsupported);
  CHECK_THAT(large.what(), Contains("2^28"));
  CHECK_THAT(error_of(legacy_tensor(tensor(5, 0, {4}, {1}))).what(),
             Contains("4 elements instead of 5"));
}

TEST_CASE("no object but those of state dicts is accepted", "[checkpoint]") {
  const Error system = error_of(legacy("cposix\nsystem\n(" + text_of("true") + "tR"));
  CHECK(system.kind() == ErrorKind::Unsupported);
  CHECK_THAT(system.what(), Contains("posix.system") && Contains("model.state_dict()"));
  const Error opcode = error_of(legacy("\x93"));
  CHECK(opcode.kind() == ErrorKind::Unsupported);
  CHECK_THAT(opcode.what(), Contains("opcode 0x93"));
  CHECK_THAT(error_of(legacy("ctorch\nFloatStorage\n)R")).what(), Contains("is called"));
}

TEST_CASE("pickles that refer to themselves or waste memory end", "[checkpoint]") {
  // A list that contains itself, and arguments that are copied for ever.
  CHECK(error_of(legacy("]q\x01h\x01"
                        "a"))
            .kind() == ErrorKind::Input);
  std::string greedy = "](";
  for (int i = 0; i < 5000; ++i) greedy += "]";
  greedy += "eq\x01\x30";
  for (int i = 0; i < 5000; ++i) greedy += "ccollections\nOrderedDict\n(h\x01tR0";
  CHECK_NOTHROW(error_of(legacy(greedy)));
}

TEST_CASE("what is no checkpoint says what it is", "[checkpoint]") {
  CHECK_THAT(error_of({}).what(), Contains("not a PyTorch checkpoint"));
  CHECK_THAT(error_of({'T', 'F', 'L', '3', 0, 0}).what(), Contains("not a PyTorch checkpoint"));
  CHECK_FALSE(is_checkpoint({}, "file"));
  Bytes foreign = legacy("}");
  foreign[20] = 7;
  CHECK_THAT(error_of(foreign).what(), Contains("weights.pth"));
  Bytes longer = legacy_tensor(tensor(4, 0, {4}, {1}));
  longer.push_back(0);
  CHECK_THAT(error_of(longer).what(), Contains("goes on after the last storage"));
}

TEST_CASE("a damaged storage of a zip file is noticed", "[checkpoint]") {
  StateDict tensors;
  tensors.emplace("w", tensor_of<float>("w", DType::Float32, {2}, {1234.5F, 1}));
  Bytes bytes = write_state_dict(tensors);
  const float wanted = 1234.5F;
  Bytes pattern(sizeof wanted);
  std::memcpy(pattern.data(), &wanted, sizeof wanted);
  const auto at = std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end());
  REQUIRE(at != bytes.end());
  *at ^= 1;
  CHECK_THAT(error_of(bytes).what(), Contains("checksum of entry archive/data/0"));
}

TEST_CASE("truncated and mutated checkpoints are read or refused", "[checkpoint]") {
  const std::string name = GENERATE("torch_zip.pth", "torch_legacy.pth");
  const uint64_t seed = 20;
  CAPTURE(name, seed);
  const Bytes file = fixture(name);
  const auto read = [](const Bytes& bytes) { read_state_dict(bytes, "mutant"); };
  for (const auto& wrong : testing::misread(testing::truncated(file, 50), read)) FAIL_CHECK(wrong);
  for (const Bytes& part : testing::truncated(file, 50))
    CHECK_THROWS_AS(read_state_dict(part, "part"), Error);
  for (const auto& wrong : testing::misread(testing::mutants(file, 1000, seed), read))
    FAIL_CHECK(wrong);
}
