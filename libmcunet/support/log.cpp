#include "libmcunet/support/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace mcunet {
namespace {

// "warning: " in the level's colour, as compilers write it; information is plain text.
class Prefix : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& buffer) override {
    if (message.level == spdlog::level::info) return;
    std::string_view name = "error: ";
    if (message.level == spdlog::level::debug) name = "debug: ";
    if (message.level == spdlog::level::warn) name = "warning: ";
    message.color_range_start = buffer.size();
    buffer.append(name.data(), name.data() + name.size());
    message.color_range_end = buffer.size();
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<Prefix>();
  }
};

spdlog::level::level_enum translate(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warning:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
    case LogLevel::Off:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

Log::Log(LogLevel level, ColorMode color) {
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(
      use_color(color, STDERR_FILENO) ? spdlog::color_mode::always : spdlog::color_mode::never);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Prefix>('*').set_pattern("%*%v");
  sink->set_formatter(std::move(formatter));
  logger_ = std::make_shared<spdlog::logger>("mcunet", std::move(sink));
  logger_->set_level(translate(level));
}

void Log::debug(std::string_view message) const { logger_->debug("{}", message); }
void Log::info(std::string_view message) const { logger_->info("{}", message); }
void Log::warning(std::string_view message) const { logger_->warn("{}", message); }
void Log::error(std::string_view message) const { logger_->error("{}", message); }

}  // namespace mcunet
