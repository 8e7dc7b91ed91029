#include <algorithm>

#include "libmcunet/support/table.h"
#include "profiler/chart_parts.h"
#include "profiler/charts.h"

namespace mcunet::charts {
namespace {

using svg::Tenths;

constexpr Tenths kNames = 1250, kGap = 350, kRow = 330, kBarHeight = 190, kTop = 480;

// A value that many times the next one is cut off, at so many times that.
constexpr double kDwarfs = 3, kCutAt = 1.6;

class Comparison {
 public:
  Comparison(const std::vector<Measure>& measures, const std::vector<Contender>& contenders)
      : measures_(measures), contenders_(contenders) {}

  std::string draw() {
    const auto rows = static_cast<Tenths>(contenders_.size());
    out_ = open_chart(kTop + rows * kRow + 50, "Comparison");
    for (Tenths row = 0; row < rows; ++row) {
      const Contender& contender = contenders_[static_cast<size_t>(row)];
      out_ += svg::text(kNames - 130, y(row) + 140, contender.name,
                        contender.chosen ? "end strong" : "end");
    }
    for (size_t i = 0; i < measures_.size(); ++i) draw_measure(i);
    return out_ + "</svg>\n";
  }

 private:
  Tenths y(Tenths row) const { return kTop + row * kRow; }
  Tenths pitch() const {
    return (kWidth - kNames) / static_cast<Tenths>(std::max<size_t>(1, measures_.size()));
  }

  // The limit is drawn where that leaves bars that can be told apart.
  void draw_measure(size_t index) {
    const Measure& measure = measures_[index];
    const Tenths left = kNames + static_cast<Tenths>(index) * pitch();
    std::vector<double> ends;
    Tenths words = 0;
    for (const Contender& contender : contenders_) {
      const Bar& bar = contender.bars.at(index);
      ends.push_back(std::max(bar.value, bar.high));
      words = std::max(words, svg::text_length(bar.text) * kCharacter);
    }
    // A bar that would dwarf all others is cut off.
    std::sort(ends.begin(), ends.end());
    double most = ends.empty() ? 0 : ends.back();
    if (ends.size() > 2 && most > kDwarfs * ends[ends.size() - 2])
      most = kCutAt * ends[ends.size() - 2];
    const bool limited = measure.limit > 0 && measure.limit < 4 * most;
    if (limited) most = std::max(most, measure.limit);
    const Tenths length = std::max<Tenths>(pitch() - kGap - words - 60, 300);
    out_ += svg::text(left, 180, measure.title, "strong");
    out_ +=
        svg::line(left, kTop - 60, left, y(static_cast<Tenths>(contenders_.size())) - 60, "axis");
    if (limited) {
      const Tenths at = left + scaled(measure.limit, most, length);
      out_ +=
          svg::line(at, kTop - 60, at, y(static_cast<Tenths>(contenders_.size())) - 60, "limit");
      const bool to_left = svg::text_length(measure.limit_text) * kCharacter > left + pitch() - at;
      out_ += svg::text(to_left ? at : at - 10, kTop - 110, measure.limit_text,
                        to_left ? "end small rooftext" : "small rooftext");
    }
    for (size_t row = 0; row < contenders_.size(); ++row) {
      const Bar& bar = contenders_[row].bars[index];
      const bool over = measure.limit > 0 && bar.value > measure.limit;
      const bool cut = bar.value > most;
      const Tenths top = y(static_cast<Tenths>(row));
      const Tenths width = scaled(std::min(bar.value, most), most, length);
      out_ += svg::rect(left, top, std::max<Tenths>(width, 5), kBarHeight,
                        over                      ? "over"
                        : contenders_[row].chosen ? "chosen"
                                                  : "bar",
                        contenders_[row].name + ": " + bar.text);
      Tenths end = width;
      if (cut) {  // two slanted lines through its end
        out_ += svg::path("M" + svg::number(left + width - 180) + " " + svg::number(top + 240) +
                              "l8 -29M" + svg::number(left + width - 110) + " " +
                              svg::number(top + 240) + "l8 -29",
                          "cut");
      } else if (bar.high > bar.low) {
        const Tenths from = left + scaled(bar.low, most, length);
        const Tenths to = left + scaled(std::min(bar.high, most), most, length),
                     middle = top + kBarHeight / 2;
        out_ += svg::path("M" + svg::number(from) + " " + svg::number(middle - 40) + "v8M" +
                              svg::number(from) + " " + svg::number(middle) + "H" +
                              svg::number(to) + (bar.high > most ? "" : "m0 -4v8"),
                          "range");
        end = std::max(end, to - left);
      }
      out_ += svg::text(left + end + 70, top + 140, bar.text,
                        contenders_[row].chosen ? "small strong halo" : "small halo");
    }
  }

  const std::vector<Measure>& measures_;
  const std::vector<Contender>& contenders_;
  std::string out_;
};

Bar bytes(int64_t value) { return {static_cast<double>(value), group_digits(value) + " B", 0, 0}; }

Bar time(double ms, const RelativeBar& bar) {
  return {ms, format_fixed(ms, 1) + " ms", ms * bar.low, ms * bar.high};
}

Measure sram_measure(const Board& board) {
  if (board.is_host()) return {"SRAM", 0, ""};
  return {"SRAM", static_cast<double>(board.sram_bytes),
          board.name + " " + group_digits(board.sram_bytes) + " B"};
}

Measure flash_measure(const Board& board) {
  if (board.is_host()) return {"flash", 0, ""};
  return {"flash", static_cast<double>(board.flash_bytes),
          board.name + " " + group_digits(board.flash_bytes) + " B"};
}

}  // namespace

std::string comparison(const std::vector<Measure>& measures,
                       const std::vector<Contender>& contenders) {
  return Comparison(measures, contenders).draw();
}

std::string schedules(const Profile& profile) {
  std::vector<Contender> contenders;
  const auto add = [&](const std::string& name, bool chosen, const compiler::SramAccount& sram,
                       int64_t cycles) {
    contenders.push_back(
        {name,
         chosen,
         {bytes(sram.total()), {static_cast<double>(cycles), group_digits(cycles), 0, 0}}});
  };
  const compiler::SramAccount& sram = profile.model.sram;
  bool known = false;
  for (const compiler::Alternative& other : profile.schedules) {
    const bool same = !known && other.name == profile.model.schedule.kind &&
                      other.sram.total() == sram.total() &&
                      other.cycles == profile.estimated_cycles;
    known = known || same;
    add(same ? other.name + " (chosen)" : other.name, same, other.sram, other.cycles);
  }
  if (!known) add("chosen", true, sram, profile.estimated_cycles);
  return comparison({sram_measure(profile.board()), {"cycles of the core, estimated", 0, ""}},
                    contenders);
}

std::string engines(const Profile& profile) {
  std::vector<Contender> contenders = {
      {"mcunet",
       true,
       {bytes(profile.model.sram.total()), bytes(profile.flash.total()),
        time(profile.ms, profile.factor.bar)}}};
  for (const EngineEstimate& engine : profile.engines) {
    contenders.push_back({engine.engine,
                          false,
                          {bytes(engine.sram), bytes(engine.flash), time(engine.ms, engine.bar)}});
  }
  return comparison(
      {sram_measure(profile.board()), flash_measure(profile.board()), {"latency", 0, ""}},
      contenders);
}

}  // namespace mcunet::charts
