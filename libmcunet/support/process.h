// Running another program to its end, with its output captured.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mcunet {

struct ProcessOptions {
  std::string directory;            // to run in; empty: the present one
  std::string input;                // the program's standard input
  std::optional<double> timeout_s;  // afterwards the program and its children are killed
};

struct ProcessResult {
  int exit_code = 0;   // 128 + the signal's number when a signal ended it, as shells report
  std::string output;  // standard output
  std::string errors;  // standard error

  bool ok() const { return exit_code == 0; }
};

// Runs arguments[0] (a path, or a name looked up in PATH) and waits. Throws Error(External) when it
// cannot be started or exceeds the time limit; a non-zero exit code is a result.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

// The path of an executable in PATH, or of the executable that a name with a '/' is; nothing when
// there is none.
std::optional<std::string> find_program(const std::string& name);

}  // namespace mcunet
