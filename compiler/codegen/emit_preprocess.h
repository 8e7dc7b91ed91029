// What a firmware engineer needs to feed a camera's frame.
#pragma once

#include <string>

#include "compiler/compile.h"

namespace mcunet::compiler {

// Comment, constants and a function for the header, from the preprocessing that is stored in the
// model; nothing when there is none or the input is no image.
std::string preprocess_section(const CompiledModel& model);

}  // namespace mcunet::compiler
