// A plan executed without numbers: every byte of the arena remembers which byte of which tensor it
// holds, and every read checks that it finds what it came for.
#pragma once

#include <string>

#include "compiler/plan.h"

namespace mcunet::testing {

// Goes through the runs in order, row by row, with the kernels' contracts only (which rows a row
// needs, which kernels may overwrite what they have just read); written from the operators'
// definitions, not from compiler/schedule. Empty when the plan is sound, else the first read that
// does not find its bytes, write outside the arena, row that is missing or made twice.
std::string find_violation(const compiler::Plan& plan);

}  // namespace mcunet::testing
