// What generated C promises whatever the model: strict C99 without a warning, only prefixed
// symbols, nothing but memcpy and its kind from outside, several models in one program, the same
// bytes every time, nothing of the machine it was made on.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "compiler/codegen/sources.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "tests/support/builder.h"
#include "tests/support/compiled_batch.h"
#include "tests/support/demo_models.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
namespace fs = std::filesystem;
using compiler::CompiledModel;
using compiler::EmitOptions;
using mcunet::testing::build_step;
using mcunet::testing::compile_for_test;

namespace {

const std::vector<std::string> kStrict = {"-std=c99",   "-Wall",        "-Wextra",
                                          "-Wpedantic", "-Wconversion", "-Wshadow",
                                          "-Werror",    "-I.",          "-c"};

struct Compiler {
  std::string name, program;
  std::vector<std::string> flags;
};

std::vector<Compiler> compilers() {
  std::vector<Compiler> all = {
      {"gcc", "gcc", {"-O2"}},
      {"clang", "clang", {"-O1"}},
      {"cortex-m7",
       "arm-none-eabi-gcc",
       {"-O2", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"}},
      {"cortex-m4",
       "arm-none-eabi-gcc",
       {"-O2", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"}},
      {"cortex-m0", "arm-none-eabi-gcc", {"-Os", "-mcpu=cortex-m0", "-mthumb"}}};
  std::vector<Compiler> there;
  for (const Compiler& compiler : all) {
    if (find_program(compiler.program)) {
      there.push_back(compiler);
    } else {
      WARN("skipped: " << compiler.program << " is not installed");
    }
  }
  return there;
}

void write_project(const CompiledModel& model, const EmitOptions& options, const fs::path& dir) {
  OutputDirectory out(dir);
  for (const auto& file : compiler::emit_sources(model, options)) out.add(file.path, file.text);
  out.commit();
}

std::vector<std::string> c_files(const std::string& name, const std::string& kernels) {
  return {name + ".c", name + "_weights.c", kernels + "_kernels.c", name + "_selftest.c"};
}

// Compiles every file to FILE.o as strictly as we promise.
void compile_strictly(const Compiler& compiler, const std::vector<std::string>& files,
                      const fs::path& dir) {
  for (const std::string& file : files) {
    std::vector<std::string> command = {compiler.program};
    command.insert(command.end(), compiler.flags.begin(), compiler.flags.end());
    command.insert(command.end(), kStrict.begin(), kStrict.end());
    command.insert(command.end(), {file, "-o", file + ".o"});
    build_step(command, dir);
  }
}

struct Symbols {
  std::set<std::string> defined, undefined;
};

Symbols global_symbols(const std::vector<std::string>& files, const fs::path& dir) {
  Symbols symbols;
  for (const std::string& file : files) {
    const ProcessResult result = run_process({"nm", "-g", (dir / (file + ".o")).string()});
    REQUIRE(result.ok());
    std::istringstream lines(result.output);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::vector<std::string> parts;
      for (std::string word; words >> word;) parts.push_back(word);
      if (parts.size() < 2) continue;
      auto& set = parts[parts.size() - 2] == "U" ? symbols.undefined : symbols.defined;
      set.insert(parts.back());
    }
  }
  return symbols;
}

bool begins_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// What GCC itself calls for copies; and for arithmetic, on a core that has neither a divider nor a
// floating-point unit.
bool is_from_compiler(const std::string& symbol, bool small_core) {
  static const std::set<std::string> memory = {
      "memcpy", "memset", "memmove", "__aeabi_memcpy", "__aeabi_memset", "__aeabi_memmove"};
  if (memory.count(symbol) != 0) return true;
  return small_core &&
         (begins_with(symbol, "__aeabi_") || begins_with(symbol, "__gnu_thumb1_case"));
}

void check_symbols(const CompiledModel& model, const std::string& kernels,
                   const std::vector<std::string>& files, const fs::path& dir, bool small_core) {
  const Symbols symbols = global_symbols(files, dir);
  for (const std::string& symbol : symbols.defined) {
    CAPTURE(symbol);
    CHECK((begins_with(symbol, model.name + "_") || begins_with(symbol, kernels + "_")));
  }
  for (const std::string& symbol : symbols.undefined) {
    CAPTURE(symbol);
    CHECK((symbols.defined.count(symbol) != 0 || is_from_compiler(symbol, small_core)));
  }
}

// Trigraphs, the ends of comments and strings, bytes that are no UTF-8.
Graph awkward_names() {
  mcunet::testing::GraphBuilder build(
      "tri?"
      "?/graph */ \"quoted\" \\ \xff\xfe",
      9);
  const TensorId x = build.input({1, 4, 4, 2});
  Graph graph = build.build({build.conv(x, 3, mcunet::testing::Window::square(3))});
  graph.tensors[0].name =
      "in?"
      "?/put \"x\" \\ */ \xe6\xb5\x8b\xe8\xaf\x95/conv?"
      "?=";
  graph.tensors.back().name = "\n#error\n\xff";
  return graph;
}

// A graph without weights, kernels, or anything to do.
Graph nothing_to_do() {
  mcunet::testing::GraphBuilder build("nothing", 9);
  return build.build({build.reshape(build.input({1, 2, 3}), {6})});
}

std::string selftest_main(const std::vector<std::string>& names) {
  std::string out = "#include <stdio.h>\n";
  for (const std::string& name : names) out += "#include \"" + name + "_selftest.h\"\n";
  std::string arenas, calls;
  for (const std::string& name : names) {
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    arenas += "static " + upper + "_ARENA_ATTR unsigned char " + name + "_arena[" + upper +
              "_ARENA_SIZE];\n";
    calls += "  {\n    " + name + "_context context;\n    if (" + name + "_init(&context, " + name +
             "_arena, sizeof " + name + "_arena) != 0 || " + name +
             "_selftest(&context) != 0) {\n      puts(\"" + name +
             " failed\");\n      return 1;\n    }\n  }\n";
  }
  return out + arenas + "int main(void) {\n" + calls + "  return 0;\n}\n";
}

// Several models linked into one program, both run.
void check_together(const std::vector<std::string>& names, const std::string& shared) {
  const TemporaryDirectory scratch;
  EmitOptions options;
  options.shared_kernels = shared;
  std::set<std::string> sources = {"main.c"};
  for (const std::string& name : names) {
    write_project(compile_for_test(mcunet::testing::demo_model(name), name), options,
                  scratch.path());
    for (const std::string& file : c_files(name, shared.empty() ? name : shared)) {
      sources.insert(file);
    }
  }
  write_file_atomically(scratch.path() / "main.c", selftest_main(names));
  std::vector<std::string> command = {"cc", "-std=c99", "-O2", "-I.", "-o", "together"};
  command.insert(command.end(), sources.begin(), sources.end());
  build_step(command, scratch.path());
  const ProcessResult result = run_process({(scratch.path() / "together").string()});
  INFO(result.output);
  CHECK(result.exit_code == 0);
}

}  // namespace

TEST_CASE("generated C compiles without a warning and keeps to its prefix", "[codegen]") {
  const std::vector<Compiler> all = compilers();
  std::map<std::string, Graph> graphs = {{"awkward", awkward_names()},
                                         {"nothing", nothing_to_do()}};
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    graphs[name] = mcunet::testing::demo_model(name);
  }
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    graphs["random_" + std::to_string(seed)] = mcunet::testing::random_graph(seed);
  }
  for (const auto& [name, graph] : graphs) {
    for (const std::string shared : {"", "common"}) {
      const TemporaryDirectory scratch;
      const CompiledModel model = compile_for_test(graph, name);
      EmitOptions options;
      options.shared_kernels = shared;
      write_project(model, options, scratch.path());
      const std::string kernels = shared.empty() ? model.name : shared;
      std::vector<std::string> files = c_files(model.name, kernels);
      // All kernels are the same for every model that shares them.
      if (!shared.empty() && name != "demo_mobilenet") continue;
      for (const Compiler& compiler : all) {
        CAPTURE(name, shared, compiler.name);
        REQUIRE_NOTHROW(compile_strictly(compiler, files, scratch.path()));
        check_symbols(model, kernels, files, scratch.path(), compiler.name == "cortex-m0");
      }
    }
  }
}

TEST_CASE("generated headers can be included from C++", "[codegen]") {
  const TemporaryDirectory scratch;
  const std::string name = "demo_detector";
  write_project(compile_for_test(mcunet::testing::demo_model(name), name), {}, scratch.path());
  write_file_atomically(scratch.path() / "main.cpp",
                        "#include \"" + name + ".h\"\n#include \"" + name +
                            "_selftest.h\"\n#include \"" + name +
                            "_kernels.h\"\nint main() { return 0; }\n");
  CHECK_NOTHROW(build_step({"c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I.",
                            "-c", "main.cpp", "-o", "main.o"},
                           scratch.path()));
}

TEST_CASE("two models in one program pass their self-tests", "[codegen]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const std::vector<std::string> names = {"demo_keywords", "demo_se", "demo_detector"};
  SECTION("each with its own kernels") { check_together(names, ""); }
  SECTION("with shared kernels") { check_together(names, "common"); }
}

TEST_CASE("a self-test notices a changed weight", "[codegen]") {
  if (!compiler::host_compiler_available()) {
    std::cout << "skipped: needs cc\n";
    return;
  }
  const TemporaryDirectory scratch;
  const std::string name = "demo_autoencoder";
  CompiledModel model = compile_for_test(mcunet::testing::demo_model(name), name);
  write_project(model, {}, scratch.path());
  // The bias of the last layer, in the emitted text only.
  compiler::Constant* bias = nullptr;
  for (compiler::Constant& constant : model.schedule.constants) {
    if (constant.name == "op5_bias") bias = &constant;
  }
  REQUIRE(bias != nullptr);
  bias->bytes[1] ^= 0x40;
  for (const auto& file : compiler::emit_weights(model)) {
    write_file_atomically(scratch.path() / file.path, file.text);
  }
  write_file_atomically(scratch.path() / "main.c", selftest_main({name}));
  std::vector<std::string> command = {"cc", "-std=c99", "-O1", "-I.", "-o", "alone", "main.c"};
  for (const std::string& file : c_files(name, name)) command.push_back(file);
  build_step(command, scratch.path());
  CHECK(run_process({(scratch.path() / "alone").string()}).exit_code == 1);
}

TEST_CASE("emitting twice gives the same bytes, of nothing but the model", "[codegen]") {
  const std::regex date(R"((19|20)\d\d-\d\d-\d\d|\d\d:\d\d:\d\d|__DATE__|__TIME__|__FILE__)");
  const std::regex path(R"((^|[\s"'(])/(home|root|work|tmp|usr|var|build)/)");
  const std::string root = fs::path(MCUNET_SOURCE_DIR).string();
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    EmitOptions options;
    options.firmware = true;
    const auto emit = [&] {
      return compiler::emit_sources(compile_for_test(mcunet::testing::demo_model(name), name),
                                    options);
    };
    const auto first = emit(), second = emit();
    REQUIRE(first.size() == second.size());
    std::set<std::string> paths;
    for (size_t i = 0; i < first.size(); ++i) {
      CAPTURE(name, first[i].path);
      CHECK(paths.insert(first[i].path).second);
      CHECK(first[i].path == second[i].path);
      CHECK(first[i].text == second[i].text);
      CHECK(first[i].text.find(root) == std::string::npos);
      CHECK_FALSE(fs::path(first[i].path).is_absolute());
      // Weights are megabytes of numbers; std::regex would take its time.
      if (first[i].text.size() > 60'000) continue;
      std::istringstream lines(first[i].text);
      for (std::string line; std::getline(lines, line);) {
        if (line.size() > 300) continue;
        CAPTURE(line);
        if (std::regex_search(line, date) || std::regex_search(line, path)) {
          FAIL_CHECK("a date or an absolute path");
        }
        if (line.find('@') != std::string::npos &&
            first[i].path.find("Makefile") == std::string::npos) {
          FAIL_CHECK("a placeholder was left");
        }
      }
    }
  }
}
