// Messages for the user on stderr: "warning: …", without time stamps.
#pragma once

#include <memory>
#include <string_view>

#include "libmcunet/support/terminal.h"

namespace spdlog {
class logger;
}

namespace mcunet {

enum class LogLevel { Debug, Info, Warning, Error, Off };

// A value that is passed to those who may report; copies write to the same place. Thread safe.
class Log {
 public:
  explicit Log(LogLevel level = LogLevel::Warning, ColorMode color = ColorMode::Auto);

  void debug(std::string_view message) const;
  void info(std::string_view message) const;  // without a prefix
  void warning(std::string_view message) const;
  void error(std::string_view message) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace mcunet
