#include "libmcunet/support/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iostream>
#include <utility>

#include "libmcunet/support/table.h"
#include "libmcunet/support/terminal.h"

namespace mcunet {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};

ProgressMode resolve(ProgressMode mode, bool terminal) {
  if (mode != ProgressMode::Auto) return mode;
  return terminal ? ProgressMode::Bar : ProgressMode::Plain;
}

std::string two_digits(int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + two_digits(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + two_digits(whole / 60 % 60) + " min";
}

Progress::Progress(std::string label, std::string unit, int64_t total, ProgressMode mode)
    : Progress(std::move(label), std::move(unit), total, resolve(mode, is_terminal(STDERR_FILENO)),
               std::cerr) {}

Progress::Progress(std::string label, std::string unit, int64_t total, ProgressMode mode,
                   std::ostream& stream)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      mode_(resolve(mode, false)),
      stream_(stream) {
  assert(total_ > 0);
}

Progress::~Progress() {
  if (visible_) stream_ << "\r\033[K" << std::flush;
}

void Progress::note(std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  note_ = std::move(text);
}

void Progress::advance(int64_t count) {
  if (mode_ == ProgressMode::None) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  done_ = std::min(total_, done_ + count);
  if (mode_ == ProgressMode::Bar) {
    const Clock::time_point now = Clock::now();
    if (now - drawn_ < kRedraw) return;
    drawn_ = now;
    draw();
    return;
  }
  const int64_t tenths = 10 * done_ / total_;
  if (tenths == printed_tenths_) return;
  printed_tenths_ = tenths;
  stream_ << label_ << ": " << figures() << "\n" << std::flush;
}

std::string Progress::figures() const {
  const double seconds =
      std::max(1e-6, std::chrono::duration<double>(Clock::now() - start_).count());
  const double rate = static_cast<double>(done_) / seconds;
  std::string text = std::to_string(100 * done_ / total_) + " %, " + group_digits(done_) + " of " +
                     group_digits(total_) + " " + unit_;
  text += ", " + format_fixed(rate, rate < 10 ? 2 : 0) + "/s";
  if (done_ == total_) {
    text += ", took " + format_duration(seconds);
  } else if (done_ > 0) {
    text += ", " + format_duration(static_cast<double>(total_ - done_) / rate) + " left";
  }
  return note_.empty() ? text : text + ", " + note_;
}

void Progress::draw() {
  constexpr int kCells = 20;
  const auto filled = static_cast<size_t>(kCells * done_ / total_);
  std::string line = label_ + " [" + std::string(filled, '#') + std::string(kCells - filled, '.') +
                     "] " + figures();
  // A line that wraps could not be overwritten.
  const auto columns = static_cast<size_t>(std::max(20, terminal_width(STDERR_FILENO) - 1));
  if (line.size() > columns) line.resize(columns);
  stream_ << "\r" << line << "\033[K" << std::flush;
  visible_ = true;
}

}  // namespace mcunet
