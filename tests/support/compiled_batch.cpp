#include "tests/support/compiled_batch.h"

#include "compiler/codegen/sources.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/support/sha256.h"

namespace mcunet::testing {
namespace {

constexpr double kBuildTimeout = 300;  // seconds

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

constexpr const char* kCaller = R"(
int @_property(void *arena, size_t size, const uint8_t *inputs, uint8_t *outputs);
int @_property(void *arena, size_t size, const uint8_t *inputs, uint8_t *outputs) {
  @_context context;
  @_status status = @_init(&context, arena, size);
  size_t i;
  if (status != 0) return (int)status;
$INPUTS$  status = @_invoke(&context);
  for (i = 0; @_output_bytes(i) != 0; i++) {
    memcpy(outputs, @_output(&context, i), @_output_bytes(i));
    outputs += @_output_bytes(i);
  }
  return (int)status;
}
)";

constexpr const char* kWholeInputs = R"(  for (i = 0; @_input_bytes(i) != 0; i++) {
    memcpy(@_input(&context, i), inputs, @_input_bytes(i));
    inputs += @_input_bytes(i);
  }
)";

// One, two, one … rows at a time.
constexpr const char* kInputRows = R"(  {
    const size_t rows = @_rows_wanted(&context), row = @_input_bytes(0) / rows;
    for (i = 0; i < rows;) {
      const size_t n = i % 3u == 1u && i + 1u < rows ? 2u : 1u;
      status = @_push_rows(&context, inputs, n);
      if (status != 0) return (int)status;
      inputs += n * row;
      i += n;
    }
    if (@_push_rows(&context, inputs, 1) == 0) return 100; /* too many are refused */
  }
)";

}  // namespace

namespace {

compiler::CompileOptions options_for_test(const std::string& name, const std::string& board) {
  compiler::CompileOptions options;
  options.name = name;
  options.board = find_board(board);
  return options;
}

}  // namespace

compiler::CompiledModel compile_for_test(const Graph& graph, const std::string& name,
                                         const std::string& board) {
  return compiler::compile(graph, sha256_hex(std::string_view(name)),
                           options_for_test(name, board));
}

compiler::CompiledModel compile_for_test(
    const Graph& graph, const std::string& name,
    const std::function<compiler::Plan(const Graph&)>& make_plan, bool input_rows) {
  compiler::CompileOptions options = options_for_test(name, "stm32f746");
  options.input_rows = input_rows;
  // Asked where prepare() looks: a dead TRANSPOSE is gone by then.
  options.passes.nhwc_input =
      input_rows && compiler::has_planar_input(compiler::strip_edges(
                        compiler::move_conversions_out(graph), compiler::EdgeType::Int8));
  return compiler::compile_planned(graph, sha256_hex(std::string_view(name)), options, make_plan);
}

void write_batch(const std::vector<compiler::CompiledModel>& models,
                 const std::filesystem::path& directory) {
  compiler::EmitOptions options;
  options.shared_kernels = kSharedKernels;
  OutputDirectory out(directory);
  for (const auto& file : compiler::emit_kernels(models.at(0), options)) {
    out.add(file.path, file.text);
  }
  std::string batch = "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n";
  for (const compiler::CompiledModel& model : models) {
    std::vector<compiler::SourceFile> files = {compiler::emit_header(model),
                                               compiler::emit_model(model, kSharedKernels)};
    for (compiler::SourceFile& file : compiler::emit_weights(model)) {
      files.push_back(std::move(file));
    }
    for (const compiler::SourceFile& file : files) out.add(file.path, file.text);
    batch += "#include \"" + model.name + "_weights.c\"\n#include \"" + model.name + ".c\"\n";
    const char* inputs = model.schedule.input_rows ? kInputRows : kWholeInputs;
    batch += replace_all(replace_all(kCaller, "$INPUTS$", inputs), "@", model.name);
  }
  out.add("batch.c", batch);
  out.commit();
}

void build_step(const std::vector<std::string>& arguments, const std::filesystem::path& directory) {
  ProcessOptions options;
  options.directory = directory.string();
  options.timeout_s = kBuildTimeout;
  const ProcessResult result = run_process(arguments, options);
  if (result.ok()) return;
  std::string command;
  for (const std::string& argument : arguments) command += argument + " ";
  throw Error(ErrorKind::External, command + "\n" + result.errors.substr(0, 4000));
}

}  // namespace mcunet::testing
