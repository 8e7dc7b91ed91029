// The published float network: description and checkpoint give the logits that PyTorch gave.
#include "libmcunet/netspec/trained.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <sstream>

#include "golden_data.h"
#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/files.h"

using namespace mcunet;
namespace fs = std::filesystem;

namespace {

// The rows of a float32 .npy file of version 1 in C order.
std::vector<float> npy_floats(const fs::path& path) {
  const std::vector<uint8_t> bytes = read_file(path);
  const size_t begin = 10 + bytes.at(8) + 256U * bytes.at(9);
  std::vector<float> values((bytes.size() - begin) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + begin, values.size() * sizeof(float));
  return values;
}

// First column of labels.csv.
std::vector<std::string> image_files(const fs::path& folder) {
  std::istringstream lines(read_text_file(folder / "labels.csv"));
  std::string line;
  std::getline(lines, line);
  std::vector<std::string> files;
  while (std::getline(lines, line)) files.push_back(line.substr(0, line.find(',')));
  return files;
}

// The largest difference between the network's logits and the published ones over images 0, step, 2
// step and so on.
double largest_difference(const reference::Interpreter& network, const fs::path& sample,
                          const std::string& set, size_t step) {
  const std::vector<std::string> files = image_files(sample / set);
  const std::vector<float> expected = npy_floats(sample / (set + "-logits-float.npy"));
  const size_t classes = expected.size() / files.size();
  const Preprocess preprocess = find_preprocess("minus-one-one");
  InputSpec input;
  input.height = input.width = 176;
  input.dtype = DType::Float32;
  double largest = 0;
  for (size_t i = 0; i < files.size(); i += step) {
    const auto tensor = to_tensor(read_image(sample / set / files[i]), input, preprocess);
    const auto output = network.run({tensor}).front();
    std::vector<float> logits(output.size() / sizeof(float));
    std::memcpy(logits.data(), output.data(), output.size());
    REQUIRE(logits.size() == classes);
    for (size_t c = 0; c < classes; ++c)
      largest = std::max(largest, std::abs(double{logits[c]} - double{expected[i * classes + c]}));
  }
  return largest;
}

reference::Interpreter published_network(const fs::path& shared) {
  const fs::path stem = shared / "models" / "mcunet-320kb-1mb_imagenet";
  const auto network =
      netspec::read_description(read_text_file(stem.string() + ".json"), "mcunet.json");
  const auto weights = checkpoint::read_state_dict(fs::path(stem.string() + ".pth"));
  return reference::Interpreter(netspec::build_trained_graph(network, weights));
}

}  // namespace

TEST_CASE("MCUNet-320kB from its checkpoint gives the published logits", "[checkpoint]") {
  const auto shared = golden::shared_dir();
  if (!shared || !fs::exists(*shared / "data" / "imagenet-sample"))
    return golden::report_skipped("published logits");
  const reference::Interpreter network = published_network(*shared);
  CHECK(largest_difference(network, *shared / "data" / "imagenet-sample", "calib", 10) < 1e-3);
}

// All 500 images: some 15 s. By hand: mcunet_golden_tests "[published-logits]"
TEST_CASE("MCUNet-320kB's published logits, every image", "[.][published-logits]") {
  const auto shared = golden::shared_dir();
  REQUIRE(shared.has_value());
  const reference::Interpreter network = published_network(*shared);
  for (const char* set : {"calib", "eval"}) {
    const double largest =
        largest_difference(network, *shared / "data" / "imagenet-sample", set, 1);
    std::cout << set << ": largest difference of a logit " << largest << "\n";
    CHECK(largest < 1e-3);
  }
}
