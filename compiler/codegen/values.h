// Placeholder values that several templates share.
#pragma once

#include "compiler/codegen/template.h"
#include "compiler/compile.h"

namespace mcunet::compiler {

Values common_values(const CompiledModel& model);  // name, NAME, version, sha256, title, board,
                                                   // options, detection_include

}  // namespace mcunet::compiler
