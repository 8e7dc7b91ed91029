// Every file in tests/cli/cases becomes a test case of its own.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "tests/cli/case_file.h"

namespace mcunet::cli_test {
namespace {

namespace fs = std::filesystem;

const std::string kBinaries = MCUNET_BINARY_DIR;
const std::string kSource = MCUNET_SOURCE_DIR;
constexpr double kTimeLimit = 300;

// $NAME in a case file; every other $ is left to the shell of `sh -c`.
class Variables {
 public:
  explicit Variables(const fs::path& directory) : directory_(directory) {
    values_ = {{"TMP", (directory / "work").string()},
               {"SHARED", kSource + "/../shared"},
               {"SOURCE", kSource},
               {"BIN", kBinaries}};
    fs::create_directory(values_.at("TMP"));
  }

  std::string expand(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      size_t end = i + 1;
      while (end < text.size() &&
             (std::isupper(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
        ++end;
      }
      const std::string name = text[i] == '$' ? text.substr(i + 1, end - i - 1) : "";
      const std::optional<std::string> value = name.empty() ? std::nullopt : find(name);
      out += value ? *value : std::string(1, text[i]);
      if (value) i = end - 1;
    }
    return out;
  }

 private:
  // $MODEL_SE is the model demo_se, made when first used; $MODEL_DEMO is demo_mobilenet.
  std::optional<std::string> find(const std::string& name) {
    if (const auto known = values_.find(name); known != values_.end()) return known->second;
    const std::optional<std::string> model = after(name, "MODEL_");
    if (!model) return std::nullopt;
    std::string kind = *model == "DEMO" ? "mobilenet" : *model;
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    kind = "demo_" + kind;
    const std::string path = (directory_ / (kind + ".tflite")).string();
    const ProcessResult made = run_process({kBinaries + "/mcunet_make_model", kind, path});
    if (!made.ok()) throw std::runtime_error("no model for $" + name + ": " + made.errors);
    return values_[name] = path;
  }

  fs::path directory_;
  std::map<std::string, std::string> values_;
};

std::optional<std::string> missing_need(const std::string& need) {
  if (need == "shared") {
    if (fs::exists(kSource + "/../shared/models")) return std::nullopt;
    return "../shared is not here";
  }
  if (need == "user") {
    if (geteuid() != 0) return std::nullopt;
    return "root may write everywhere";
  }
  if (need == "torch") {
    if (fs::exists(kBinaries + "/libmcunet-torch.so")) return std::nullopt;
    return "built without LibTorch";
  }
  if (find_program(need)) return std::nullopt;
  return need + " is not installed";
}

void check_stream(const char* name, const std::optional<std::vector<std::string>>& expected,
                  const std::string& found, Variables& variables) {
  if (!expected) return;
  std::vector<std::string> patterns;
  std::string shown;
  for (const std::string& line : *expected) {
    patterns.push_back(variables.expand(line));
    shown += patterns.back() + "\n";
  }
  if (!matches_lines(patterns, split_lines(found)))
    FAIL_CHECK(name << " is\n" << found << "instead of\n" << shown);
}

// "/sram/arena is number", "/schema = \"mcunet.compile/1\"", "/layers has 38"
void check_json(const nlohmann::json& document, const std::string& check) {
  INFO("json: " << check);
  const size_t space = check.find(' ');
  REQUIRE(space != std::string::npos);
  const nlohmann::json::json_pointer pointer(check.substr(0, space));
  const std::string rule = check.substr(space + 1);
  if (!document.contains(pointer)) {
    FAIL_CHECK("there is no such value");
    return;
  }
  const nlohmann::json& value = document.at(pointer);
  if (const auto type = after(rule, "is ")) {
    CHECK(std::string(value.type_name()) == *type);
  } else if (const auto literal = after(rule, "= ")) {
    CHECK(value == nlohmann::json::parse(*literal));
  } else if (const auto size = after(rule, "has ")) {
    CHECK(value.size() == std::stoul(*size));
  } else {
    FAIL_CHECK("a rule is \"is TYPE\", \"= VALUE\" or \"has COUNT\"");
  }
}

void run_step(const Step& step, Variables& variables) {
  INFO("line " << step.line << ": $ " << step.command);
  std::vector<std::string> words = split_words(variables.expand(step.command));
  REQUIRE_FALSE(words.empty());
  ProcessOptions options;
  options.directory = variables.expand("$TMP");
  options.timeout_s = kTimeLimit;
  const ProcessResult result = run_process(words, options);
  if (result.exit_code != step.exit_code) {
    FAIL_CHECK("exit code " << result.exit_code << " instead of " << step.exit_code << "\nstdout:\n"
                            << result.output << "\nstderr:\n"
                            << result.errors);
  }
  check_stream("stdout", step.out, result.output, variables);
  check_stream("stderr", step.err, result.errors, variables);
  if (!step.json.empty()) {
    const nlohmann::json document = nlohmann::json::parse(result.output, nullptr, false);
    if (document.is_discarded()) FAIL("stdout is not one JSON document:\n" << result.output);
    for (const std::string& check : step.json) check_json(document, check);
  }
  const fs::path here = options.directory;
  for (const std::string& path : step.exists) {
    if (!fs::exists(here / variables.expand(path))) FAIL_CHECK("there is no " << path);
  }
  for (const std::string& path : step.absent) {
    if (fs::exists(here / variables.expand(path))) FAIL_CHECK("there is a " << path);
  }
  SUCCEED();
}

class CaseInvoker : public Catch::ITestInvoker {
 public:
  explicit CaseInvoker(fs::path file) : file_(std::move(file)) {}

  void invoke() const override {
    const Case test = parse_case(read_text_file(file_));
    for (const std::string& need : test.needs) {
      if (const auto reason = missing_need(need)) {
        std::cout << "skipped: " << *reason << "\n";
        return;
      }
    }
    const TemporaryDirectory directory;
    Variables variables(directory.path());
    for (const Step& step : test.steps) run_step(step, variables);
  }

 private:
  fs::path file_;
};

// Catch2 registers tests before main begins, so the folder is read then.
bool register_cases() {
  const char* path = std::getenv("PATH");
  setenv("PATH", (kBinaries + ":" + (path != nullptr ? path : "")).c_str(), 1);
  // What the user calibrated must not change the figures.
  setenv("MCUNET_CALIBRATION", "/nonexistent", 1);
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator file(kSource + "/tests/cli/cases", error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() == ".txt") files.push_back(file->path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    // Catch2 becomes the owner.
    auto invoker = std::make_unique<CaseInvoker>(file);
    Catch::AutoReg(invoker.release(), CATCH_INTERNAL_LINEINFO, Catch::StringRef(),
                   Catch::NameAndTags("cli: " + file.stem().string(), "[cli]"));
  }
  return !files.empty();
}

const bool kFound = register_cases();

}  // namespace

TEST_CASE("cli: the cases were found") { CHECK(kFound); }

TEST_CASE("cli: expected output has gaps") {
  CHECK(matches_line("a...c", "abbc"));
  CHECK(matches_line("a...", "a"));
  CHECK_FALSE(matches_line("a...c", "abd"));
  CHECK_FALSE(matches_line("ab", "abc"));
  CHECK(matches_lines({"a", "...", "d"}, {"a", "b", "c", "d"}));
  CHECK(matches_lines({"...", "d"}, {"d"}));
  CHECK_FALSE(matches_lines({"a", "..."}, {"b"}));
  CHECK_FALSE(matches_lines({"a"}, {"a", "b"}));
  CHECK(matches_lines({}, {}));
}

TEST_CASE("cli: words are split as a shell does") {
  CHECK(split_words("a 'b c' \"d'e\" f\\ g ''") ==
        std::vector<std::string>{"a", "b c", "d'e", "f g", ""});
  CHECK_THROWS(split_words("'a"));
}

}  // namespace mcunet::cli_test
