// `profile` of what is compiled already: a folder of `mcunet compile`, or linked firmware.
#pragma once

#include <string>

#include "apps/mcunet/command.h"

namespace mcunet::app {

struct CompiledOptions {
  bool emulate = false, caches = false, json = false;
  bool target_given = false;  // else the folder's manifest names the board
};

// Whether `path` is a folder, or an ELF file.
bool is_compiled(const std::string& path);

// Prints the report; throws what reading, building and emulating it throw, and Error(Mismatch) for
// exceeded gates.
void profile_compiled(const std::string& path, TargetOptions target, const CompiledOptions& options,
                      const Gates& gates);

}  // namespace mcunet::app
