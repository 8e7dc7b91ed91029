#include "compiler/codegen/template.h"

#include <cctype>

#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

bool is_key(std::string_view key) {
  if (key.empty()) return false;
  for (const char c : key) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return true;
}

}  // namespace

std::string fill_template(std::string_view text, const Values& values) {
  std::string out;
  size_t position = 0;
  while (position < text.size()) {
    const size_t begin = text.find('@', position);
    const size_t end = begin == std::string_view::npos ? begin : text.find('@', begin + 1);
    if (end == std::string_view::npos) break;
    out += text.substr(position, begin - position);
    const std::string_view key = text.substr(begin + 1, end - begin - 1);
    if (!is_key(key)) {  // a lone '@', as in "$@" of a Makefile
      out += '@';
      position = begin + 1;
      continue;
    }
    const auto value = values.find(std::string(key));
    if (value == values.end())
      throw Error(ErrorKind::Internal, "no value for @" + std::string(key) + "@ in a template");
    out += value->second;
    position = end + 1;
  }
  out += text.substr(position);
  return out;
}

std::string filled(const std::string& name, const Values& values) {
  return fill_template(embedded_text(embedded::templates(), name), values);
}

std::string_view embedded_text(const std::vector<EmbeddedFile>& files, const std::string& name) {
  for (const EmbeddedFile& file : files) {
    if (file.name == name) return file.text;
  }
  throw Error(ErrorKind::Internal, "the embedded file " + name + " is missing");
}

}  // namespace mcunet::compiler
