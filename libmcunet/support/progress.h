// Progress of long work on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>

namespace mcunet {

// --progress auto|bar|plain|none. Auto: a bar on a terminal, else plain lines, one per 10 %.
enum class ProgressMode { Auto, Bar, Plain, None };

class Progress {
 public:
  // `label` says what is done ("evaluating"), `unit` what is counted ("images"), total > 0.
  Progress(std::string label, std::string unit, int64_t total, ProgressMode mode);
  // The same on another stream; Auto is plain there.
  Progress(std::string label, std::string unit, int64_t total, ProgressMode mode,
           std::ostream& stream);
  ~Progress();  // clears the bar; what follows starts on an empty line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Counts work that is done; may be called from several threads.
  void advance(int64_t count = 1);
  // A few words after the figures, such as the present loss.
  void note(std::string text);

 private:
  using Clock = std::chrono::steady_clock;

  std::string figures() const;
  void draw();

  std::string label_;
  std::string unit_;
  int64_t total_;
  ProgressMode mode_;
  std::ostream& stream_;
  std::mutex mutex_;
  std::string note_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  int64_t done_ = 0;
  int64_t printed_tenths_ = 0;
  bool visible_ = false;
};

// 45 → "45 s", 3700 → "1 h 01 min"
std::string format_duration(double seconds);

}  // namespace mcunet
