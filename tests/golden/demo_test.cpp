// The project's own models: builder, writer, reader and interpreter together give exactly what they
// gave when tests/golden/demo was written. MCUNET_UPDATE_GOLDEN=1 writes it anew.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/sha256.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/demo_models.h"
#include "tests/support/inputs.h"

using namespace mcunet;
using nlohmann::ordered_json;

namespace {

std::string hex(const std::vector<uint8_t>& bytes, size_t count) {
  const std::string digits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < std::min(count, bytes.size()); ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

ordered_json measured(const std::string& name) {
  const std::vector<uint8_t> file = write_tflite(mcunet::testing::demo_model(name));
  const reference::Interpreter interpreter(read_tflite(file, name));
  ordered_json document = {{"model_sha256", sha256_hex(file)}};
  for (const uint32_t seed : {1U, 2U, 3U}) {
    const auto inputs = mcunet::testing::golden_inputs(interpreter.graph(), seed);
    const auto output = mcunet::testing::concatenated(interpreter.run(inputs));
    document["seeds"][std::to_string(seed)] = {{"output_sha256", sha256_hex(output)},
                                               {"output_begins", hex(output, 16)}};
    // Degenerate weights would prove nothing.
    CHECK(std::set<uint8_t>(output.begin(), output.end()).size() > 2);
  }
  return document;
}

}  // namespace

TEST_CASE("demo models give the outputs carried in the repository", "[golden]") {
  const std::filesystem::path dir =
      std::filesystem::path(MCUNET_SOURCE_DIR) / "tests" / "golden" / "demo";
  const char* update = std::getenv("MCUNET_UPDATE_GOLDEN");
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    CAPTURE(name);
    const ordered_json document = measured(name);
    const std::filesystem::path file = dir / (name + ".json");
    if (update != nullptr && std::string(update) == "1") {
      write_file_atomically(file, document.dump(2) + "\n");
    }
    CHECK(document.dump(2) + "\n" == read_text_file(file));
  }
}
