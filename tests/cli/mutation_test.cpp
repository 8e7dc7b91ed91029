// Damaged model files against the real program: it must say what is wrong, and write nothing.
#include <catch2/catch.hpp>
#include <filesystem>

#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/support/random.h"
#include "tests/cli/wildcard.h"

namespace mcunet::cli_test {
namespace {

constexpr int kMutations = 30;
constexpr uint64_t kSeed = 2026;

// A file cut off anywhere, or with up to eight bytes changed: most of them near its ends, where the
// tables are.
std::vector<uint8_t> mutated(std::vector<uint8_t> bytes, SplitMix64& random) {
  if (random.below(5) == 0) {
    bytes.resize(random.below(bytes.size()));
    return bytes;
  }
  for (uint64_t changes = 1 + random.below(8); changes > 0; --changes) {
    const uint64_t range = random.below(4) == 0 ? bytes.size() : 8192;
    const uint64_t from_end = random.below(std::min<uint64_t>(range, bytes.size()));
    const uint64_t at = random.below(2) == 0 ? from_end : bytes.size() - 1 - from_end;
    bytes[at] = static_cast<uint8_t>(random.below(256));
  }
  return bytes;
}

}  // namespace

TEST_CASE("cli: a damaged model file gives one error block and no output") {
  const std::string binaries = MCUNET_BINARY_DIR;
  const TemporaryDirectory directory;
  const std::string model = directory.path() / "model.tflite", out = directory.path() / "out";
  REQUIRE(run_process({binaries + "/mcunet_make_model", "demo_se", model}).ok());
  const std::vector<uint8_t> intact = read_file(model);
  SplitMix64 random(kSeed);
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    INFO("seed " << kSeed << ", mutation " << i);
    write_file_atomically(model, mutated(intact, random));
    ProcessOptions options;
    options.timeout_s = 120;
    const ProcessResult result =
        run_process({binaries + "/mcunet", "compile", model, "--no-verify", "-o", out}, options);
    INFO("exit code " << result.exit_code << "\n" << result.errors);
    const bool known = result.exit_code == 0 || (result.exit_code >= 3 && result.exit_code <= 5);
    CHECK(known);
    CHECK(std::filesystem::exists(out) == result.ok());
    CHECK(result.errors.empty() == result.ok());
    for (const std::string& line : split_lines(result.errors)) {
      const bool of_the_block = matches_line("error: ...", line) || matches_line("  ...", line);
      CHECK(of_the_block);
    }
    refused += result.ok() ? 0 : 1;
    std::filesystem::remove_all(out);
  }
  CHECK(refused > kMutations / 4);  // else the mutations would test nothing
}

}  // namespace mcunet::cli_test
