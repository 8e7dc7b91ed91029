// The mcunet-emu process and the line-by-line conversation with it.
#pragma once

#include <sys/types.h>

#include <string>

namespace mcunet {

class EmulatorProcess {
 public:
  // The program's path; empty when it is not installed.
  static std::string find_program();

  // Throws Error(ErrorKind::External) when the program is missing or cannot be started.
  EmulatorProcess();
  // Ends the process.
  ~EmulatorProcess();
  EmulatorProcess(const EmulatorProcess&) = delete;
  EmulatorProcess& operator=(const EmulatorProcess&) = delete;

  // Sends a line and returns the answering one, both without their ends. Throws
  // Error(ErrorKind::External) when the process has ended.
  std::string ask(const std::string& line);

 private:
  void send(const std::string& text);
  [[noreturn]] void ended();
  void close();

  pid_t pid_ = -1;
  int socket_ = -1;
  std::string received_;  // not yet answered
};

}  // namespace mcunet
