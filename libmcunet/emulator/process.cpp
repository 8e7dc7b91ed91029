#include "libmcunet/emulator/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include "libmcunet/support/error.h"

extern char** environ;

namespace mcunet {
namespace {

namespace fs = std::filesystem;
constexpr const char* kProgram = "mcunet-emu";
constexpr const char* kRemedy =
    "build with -DMCUNET_WITH_EMULATOR=ON, or set MCUNET_EMU to where the program mcunet-emu is";

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

// A descriptor of 0 to 2 would be in the way of the child's own.
int above_standard(int fd) {
  if (fd > STDERR_FILENO) return fd;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::close(fd);
  return moved;
}

}  // namespace

std::string EmulatorProcess::find_program() {
  const char* given = std::getenv("MCUNET_EMU");
  if (given && *given) return is_program(given) ? given : "";
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error && is_program(self.parent_path() / kProgram)) return self.parent_path() / kProgram;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && is_program(fs::path(folder) / kProgram))
      return fs::path(folder) / kProgram;
  }
  return "";
}

EmulatorProcess::EmulatorProcess() {
  const std::string program = find_program();
  if (program.empty()) {
    const char* given = std::getenv("MCUNET_EMU");
    throw Error(
        ErrorKind::External,
        std::string("the emulated core is missing: ") +
            (given && *given ? std::string("MCUNET_EMU is ") + given + ", which is no program"
                             : "no program mcunet-emu beside mcunet or in PATH") +
            "; " + kRemedy);
  }
  // A socket rather than two pipes, because a write to it can be told not to raise SIGPIPE. Closed
  // on exec, so that no other child keeps it open and with it the emulator alive.
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error(ErrorKind::External,
                std::string("cannot talk to mcunet-emu: ") + std::strerror(errno));
  }
  socket_ = above_standard(ends[0]);
  const int theirs = above_standard(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
  // In a process group of its own: Ctrl-C is for us, who may still have a checkpoint to save.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char* const arguments[] = {const_cast<char*>(kProgram), nullptr};
  const int error = posix_spawn(&pid_, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(theirs);
  if (error != 0) {
    pid_ = -1;
    close();
    throw Error(ErrorKind::External,
                "cannot start " + program + ": " + std::strerror(error) + "; " + kRemedy);
  }
}

EmulatorProcess::~EmulatorProcess() {
  if (pid_ > 0) {
    // It holds nothing that would need saving, and it may be in the middle of a run.
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close();
}

void EmulatorProcess::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void EmulatorProcess::ended() {
  std::string how = "ended unexpectedly";
  if (pid_ > 0) {
    // Its end of the socket is closed, so that it has ended or is about to.
    int status = 0;
    pid_t waited;
    while ((waited = waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    if (waited == pid_ && WIFSIGNALED(status))
      how = std::string("crashed: ") + strsignal(WTERMSIG(status));
    if (waited == pid_ && WIFEXITED(status))
      how += " with code " + std::to_string(WEXITSTATUS(status));
    pid_ = -1;
  }
  close();
  throw Error(ErrorKind::External, "the emulator mcunet-emu " + how +
                                       "; if this happens again, report it with the model");
}

void EmulatorProcess::send(const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) ended();
    sent += static_cast<size_t>(n);
  }
}

std::string EmulatorProcess::ask(const std::string& line) {
  if (socket_ < 0) ended();
  send(line + "\n");
  size_t searched = 0;
  for (;;) {
    const size_t end = received_.find('\n', searched);
    if (end != std::string::npos) {
      std::string answer = received_.substr(0, end);
      received_.erase(0, end + 1);
      return answer;
    }
    searched = received_.size();
    char buffer[65536];
    const ssize_t n = ::recv(socket_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ended();
    received_.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace mcunet
