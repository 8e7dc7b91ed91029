#include <set>

#include "compiler/codegen/c_text.h"
#include "compiler/codegen/sources.h"
#include "compiler/codegen/template.h"

namespace mcunet::compiler {
namespace {

constexpr std::string_view kInclude = "#include \"compiler/kernels/";

// The file with our own includes replaced by their content, each once.
void expand(const std::string& file, std::set<std::string>& done, std::string& out) {
  if (!done.insert(file).second) return;
  std::string_view text = embedded_text(embedded::kernels(), file);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    if (line.substr(0, kInclude.size()) == kInclude) {
      const size_t quote = line.find('"', kInclude.size());
      expand(std::string(line.substr(kInclude.size(), quote - kInclude.size())), done, out);
    } else {
      out += line;
    }
  }
}

// The sources are ordinary C with the prefix mcunet_; the generated copy carries the model's.
std::string renamed(const std::string& text, const std::string& prefix) {
  const std::string lower = "mcunet_", upper_case = "MCUNET_";
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, lower.size(), lower) == 0) {
      out += prefix + "_";
      i += lower.size();
    } else if (text.compare(i, upper_case.size(), upper_case) == 0) {
      out += upper(prefix) + "_";
      i += upper_case.size();
    } else {
      out += text[i++];
    }
  }
  return out;
}

}  // namespace

std::vector<SourceFile> emit_kernels(const CompiledModel& model, const EmitOptions& options) {
  const bool shared = !options.shared_kernels.empty();
  const std::string prefix = shared ? options.shared_kernels : model.name;
  std::set<std::string> files;
  if (shared) {  // whichever model's copy is linked has all that any model needs
    for (const EmbeddedFile& file : embedded::kernels()) {
      if (file.name.size() > 2 && file.name.compare(file.name.size() - 2, 2, ".c") == 0)
        files.insert(file.name);
    }
  } else {
    for (const KernelCall& call : model.schedule.calls)
      files.insert("mcunet_" + call.kernel + ".c");
  }
  std::set<std::string> done;
  std::string header;
  expand("mcunet_kernels.h", done, header);
  std::string source = "#include \"mcunet_kernels.h\"\n";
  for (const std::string& file : files) expand(file, done, source);
  if (files.empty())
    source +=
        "typedef int mcunet_has_no_kernels;\n";  // ISO C wants something in every translation unit
  return {{prefix + "_kernels.h", renamed(header, prefix)},
          {prefix + "_kernels.c", renamed(source, prefix)}};
}

}  // namespace mcunet::compiler
