// Errors that a user can cause, and the exit codes they become (docs/README.md).
// Programming errors are assertions, not Errors.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace mcunet {

// The numeric value is the exit code.
enum class ErrorKind {
  Internal = 1,       // a defect of mcunet
  Usage = 2,          // wrong option or configuration
  Input = 3,          // a file is missing, unreadable or corrupt
  Unsupported = 4,    // a valid model that needs something mcunet does not do
  DoesNotFit = 5,     // exceeds the board's memory, or nothing feasible was found
  Mismatch = 6,       // verification failed, or a figure is beyond the limit asked for
  External = 7,       // another program (compiler, emulator) is missing or failed
  Interrupted = 130,  // Ctrl-C; what was done is saved
};

// Thrown with every problem that was found, not just the first. Each entry is one line that names
// the place, the reason and, where there is one, the remedy.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string problem)
      : Error(kind, std::vector<std::string>{std::move(problem)}) {}
  Error(ErrorKind kind, std::vector<std::string> problems)
      : std::runtime_error(join(problems)), kind_(kind), problems_(std::move(problems)) {}

  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  static std::string join(const std::vector<std::string>& problems) {
    std::string all;
    for (const std::string& problem : problems) all += (all.empty() ? "" : "\n") + problem;
    return all;
  }

  ErrorKind kind_;
  std::vector<std::string> problems_;
};

}  // namespace mcunet
