// Text templates with @placeholders@, compiled into the binary.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libmcunet/support/embedded.h"

namespace mcunet::compiler {

using Values = std::map<std::string, std::string>;

// Replaces every @key@ by its value; an unknown key is an internal error.
std::string fill_template(std::string_view text, const Values& values);

// An embedded template of generated code (codegen/templates), filled.
std::string filled(const std::string& name, const Values& values);

// The text of an embedded file; Error(Internal) if there is none of this name.
std::string_view embedded_text(const std::vector<EmbeddedFile>& files, const std::string& name);

}  // namespace mcunet::compiler
