#include "libmcunet/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <system_error>
#include <thread>

#include "libmcunet/support/error.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every unistd.h has it

namespace mcunet {
namespace {

using Clock = std::chrono::steady_clock;

std::string reason(int error) { return std::generic_category().message(error); }

class Pipe {
 public:
  Pipe() {
    // Close-on-exec: a program started by another thread must not hold our ends open.
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw Error(ErrorKind::External, "cannot create a pipe: " + reason(errno));
    }
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_end(size_t end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

// A file rather than a pipe: nothing can block or raise SIGPIPE when the program does not read it.
File input_file(const std::string& text) {
  File file(std::tmpfile());
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
      std::fflush(file.get()) != 0 || std::fseek(file.get(), 0, SEEK_SET) != 0) {
    throw Error(ErrorKind::External, "cannot create a temporary file: " + reason(errno));
  }
  return file;
}

class Deadline {
 public:
  explicit Deadline(std::optional<double> seconds) {
    if (seconds)
      end_ = Clock::now() + std::chrono::microseconds(static_cast<int64_t>(*seconds * 1e6));
  }
  bool passed() const { return end_ && Clock::now() >= *end_; }
  // For poll(): at least 1, so that it sleeps; -1 without a limit.
  int milliseconds_left() const {
    if (!end_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - Clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 1, 3'600'000));
  }

 private:
  std::optional<Clock::time_point> end_;
};

// Reads both pipes until both are closed. False when the deadline passed first.
bool collect(const Pipe& output, const Pipe& errors, ProcessResult& result,
             const Deadline& deadline) {
  std::array<pollfd, 2> polled = {{{output.reading(), POLLIN, 0}, {errors.reading(), POLLIN, 0}}};
  const std::array<std::string*, 2> texts = {&result.output, &result.errors};
  std::array<char, 65536> buffer;
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    if (deadline.passed()) return false;
    if (::poll(polled.data(), polled.size(), deadline.milliseconds_left()) < 0) {
      assert(errno == EINTR);
      continue;
    }
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      const ssize_t count = ::read(polled[i].fd, buffer.data(), buffer.size());
      if (count > 0) texts[i]->append(buffer.data(), static_cast<size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) polled[i].fd = -1;  // poll() skips it
    }
  }
  return true;
}

// Waits for the program's end; false when the deadline passed first. It has closed its output
// already, so that it ends at once but for odd programs: short sleeps do not matter.
bool wait_for(pid_t process, int& status, const Deadline& deadline) {
  const int options = deadline.milliseconds_left() < 0 ? 0 : WNOHANG;
  for (;;) {
    const pid_t ended = ::waitpid(process, &status, options);
    if (ended == process) return true;
    if (ended < 0 && errno != EINTR) {
      throw Error(ErrorKind::External, "cannot wait for a program: " + reason(errno));
    }
    if (deadline.passed()) return false;
    if (ended == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

bool is_executable_file(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

pid_t spawn(const std::vector<std::string>& arguments, const ProcessOptions& options, int input,
            int output, int errors) {
  const std::optional<std::string> program = find_program(arguments[0]);
  if (!program) {
    const bool in_path = arguments[0].find('/') == std::string::npos;
    throw Error(ErrorKind::External,
                "cannot start " + arguments[0] + ": no such program" + (in_path ? " in PATH" : ""));
  }
  SpawnSettings settings;
  ::posix_spawn_file_actions_adddup2(&settings.actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&settings.actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&settings.actions, errors, STDERR_FILENO);
  std::string path = *program;
  if (!options.directory.empty()) {
    // A relative path to the program is meant from here, not from the new directory.
    if (path[0] != '/') {
      const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr),
                                                        std::free);
      if (real) path = real.get();
    }
    ::posix_spawn_file_actions_addchdir_np(&settings.actions, options.directory.c_str());
  }
  short flags = POSIX_SPAWN_SETSIGDEF;
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &defaults);
  if (options.timeout_s) {
    // A group of its own, so that the children of make and shells can be killed with it. Without a
    // time limit it stays in ours, where Ctrl-C reaches it.
    flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setpgroup(&settings.attributes, 0);
  }
  ::posix_spawnattr_setflags(&settings.attributes, flags);

  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  pid_t process = 0;
  const int error = ::posix_spawn(&process, path.c_str(), &settings.actions, &settings.attributes,
                                  argv.data(), environ);
  if (error != 0) {
    const std::string place =
        options.directory.empty() ? std::string() : " in " + options.directory;
    throw Error(ErrorKind::External, "cannot start " + arguments[0] + place + ": " + reason(error));
  }
  return process;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  assert(!arguments.empty());
  const File input = input_file(options.input);
  Pipe output;
  Pipe errors;
  const Deadline deadline(options.timeout_s);
  const pid_t process =
      spawn(arguments, options, ::fileno(input.get()), output.writing(), errors.writing());
  output.close_end(1);
  errors.close_end(1);

  ProcessResult result;
  int status = 0;
  if (!collect(output, errors, result, deadline) || !wait_for(process, status, deadline)) {
    ::kill(-process, SIGKILL);
    ::waitpid(process, &status, 0);
    std::ostringstream seconds;
    seconds << *options.timeout_s;
    throw Error(ErrorKind::External,
                arguments[0] + " was stopped: it did not end within " + seconds.str() + " s");
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

std::optional<std::string> find_program(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos) {
    return is_executable_file(name) ? std::optional<std::string>(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = (directory.empty() ? "." : directory) + "/" + name;
    if (is_executable_file(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace mcunet
