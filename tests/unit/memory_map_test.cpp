// The picture of the arena: well formed, inside its frame, the same each time; and the timeline
// that it is drawn from.
#include "profiler/memory_map.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <regex>

#include "profiler/memory_timeline.h"
#include "profiler/svg.h"
#include "tests/support/builder.h"
#include "tests/support/xml.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;
using mcunet::testing::xml_problem;

namespace {

struct Box {
  double left, top, right, bottom;
};

// All places that rectangles and paths reach.
std::vector<Box> boxes(const std::string& svg) {
  std::vector<Box> found;
  static const std::regex rect(
      R"re(<rect class="[^"]*" x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)")re");
  for (std::sregex_iterator it(svg.begin(), svg.end(), rect), end; it != end; ++it) {
    const double x = std::stod((*it)[1]), y = std::stod((*it)[2]);
    const double width = std::stod((*it)[3]), height = std::stod((*it)[4]);
    CHECK(width >= 0);
    CHECK(height >= 0);
    found.push_back({x, y, x + width, y + height});
  }
  static const std::regex path(R"re(<path class="shape [^"]*" d="([^"]*)")re");
  static const std::regex step(R"re(([Mvhz])(-?[\d.]*)(?: (-?[\d.]+))?)re");
  for (std::sregex_iterator it(svg.begin(), svg.end(), path), end; it != end; ++it) {
    const std::string d = (*it)[1];
    double x = 0, y = 0;
    Box box{1e9, 1e9, -1e9, -1e9};
    for (std::sregex_iterator at(d.begin(), d.end(), step); at != end; ++at) {
      const std::string kind = (*at)[1];
      if (kind == "M") {
        x = std::stod((*at)[2]);
        y = std::stod((*at)[3]);
      } else if (kind == "h") {
        x += std::stod((*at)[2]);
      } else if (kind == "v") {
        y += std::stod((*at)[2]);
      }
      box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x),
             std::max(box.bottom, y)};
    }
    found.push_back(box);
  }
  return found;
}

Box view(const std::string& svg) {
  std::smatch match;
  REQUIRE(std::regex_search(svg, match, std::regex(R"re(viewBox="0 0 (\S+) (\S+)")re")));
  return {0, 0, std::stod(match[1]), std::stod(match[2])};
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

void check_picture(const compiler::CompiledModel& model) {
  const std::string svg = memory_map_svg(model);
  CHECK(xml_problem(svg) == "");
  CHECK(svg == memory_map_svg(model));
  const Box frame = view(svg);
  for (const Box& box : boxes(svg)) {
    CHECK(box.left >= 0);
    CHECK(box.top >= 0);
    CHECK(box.right <= frame.right);
    CHECK(box.bottom <= frame.bottom);
  }
  size_t drawn = 0;
  for (const compiler::Buffer& buffer : model.schedule.buffers) drawn += buffer.bytes > 0 ? 1 : 0;
  CHECK(count(svg, "<path class=\"shape ") == drawn);
}

compiler::CompiledModel compiled(const Graph& graph, compiler::ScheduleKind kind,
                                 bool input_rows = false) {
  compiler::CompileOptions options;
  options.name = graph.name;
  options.board = find_board("stm32f746");
  options.schedule = kind;
  options.input_rows = input_rows;
  return compiler::compile(graph, "0", options);
}

// Two inverted residual blocks and a head.
Graph small_network() {
  GraphBuilder build("small & <\"network\">", 1);
  TensorId x = build.input({1, 48, 48, 3});
  x = build.conv(x, 8, Window::square(3, 2));
  for (int block = 0; block < 2; ++block) {
    TensorId y = build.conv(x, 32, Window::square(1));
    y = build.depthwise(y, 1, Window::square(3));
    x = build.add(x, build.conv(y, 8, Window::square(1)));
  }
  x = build.mean(x, {1, 2});
  return build.build({build.fully_connected(x, 4)});
}

size_t buffer_of(const compiler::CompiledModel& model, TensorId tensor) {
  return static_cast<size_t>(model.schedule.placements[static_cast<size_t>(tensor)].buffer);
}

}  // namespace

TEST_CASE("the memory map is well formed and inside its frame", "[map]") {
  using compiler::ScheduleKind;
  SECTION("layer by layer") { check_picture(compiled(small_network(), ScheduleKind::Layer)); }
  SECTION("streaming") {
    const auto model = compiled(small_network(), ScheduleKind::Stream);
    check_picture(model);
    const std::string svg = memory_map_svg(model);
    CHECK(svg.find("class=\"shape ring\"") != std::string::npos);
    CHECK(svg.find("ring of rows") != std::string::npos);
    CHECK(svg.find("small &amp; &lt;&quot;network&quot;&gt;") != std::string::npos);
  }
  SECTION("the input row by row") {
    const auto model = compiled(small_network(), ScheduleKind::Stream, true);
    check_picture(model);
    CHECK(memory_map_svg(model).find("input row by row") != std::string::npos);
  }
  SECTION("patches") {
    const auto model = compiled(small_network(), ScheduleKind::Patch);
    check_picture(model);
    CHECK(memory_map_svg(model).find("tiles of a patch") != std::string::npos);
  }
  SECTION("nothing at all") { check_picture({}); }
  SECTION("one operator on one number") {
    GraphBuilder build("one", 2);
    check_picture(compiled(build.build({build.unary(OpKind::Relu, build.input({1, 1}))}),
                           ScheduleKind::Layer));
  }
  SECTION("more operators than the frame is wide") {
    GraphBuilder build("deep", 3);
    TensorId x = build.input({1, 4, 4, 2});
    for (int i = 0; i < 200; ++i) x = build.conv(x, 2 + i % 2, Window::square(3));
    check_picture(compiled(build.build({x}), ScheduleKind::Layer));
  }
  SECTION("tall and wide tensors") {
    GraphBuilder build("tall", 4);
    TensorId x = build.input({1, 1000, 2, 1});
    x = build.conv(build.conv(x, 4, Window::square(3)), 1, Window::square(3));
    check_picture(compiled(build.build({x}), ScheduleKind::Stream));
  }
}

TEST_CASE("the board's SRAM is in the map when it is near", "[map]") {
  compiler::CompiledModel model = compiled(small_network(), compiler::ScheduleKind::Layer);
  CHECK(memory_map_svg(model).find("are there for the arena") == std::string::npos);
  for (const double factor : {1.1, 0.5}) {
    model.options.board.sram_bytes =
        static_cast<int64_t>(factor * static_cast<double>(model.sram.total()));
    CHECK(memory_map_svg(model).find("are there for the arena") != std::string::npos);
    check_picture(model);
  }
}

TEST_CASE("rows appear when written and go when nobody reads them again", "[map]") {
  // One conv from 8 rows of 8 bytes to 8 rows of 8 bytes, over its input.
  GraphBuilder build("conv", 5);
  const Graph graph = build.build({build.conv(build.input({1, 8, 4, 2}), 2, Window::square(3))});
  const auto model = compiled(graph, compiler::ScheduleKind::Layer);
  REQUIRE(model.schedule.overlaps.size() == 1);
  const RunTimeline timeline = run_timeline(model, compiler::row_graph(model.graph), 0);
  REQUIRE(timeline.turns == 8);
  const auto input =
      timeline.partial.find(static_cast<int>(buffer_of(model, model.graph.inputs[0])));
  const auto output =
      timeline.partial.find(static_cast<int>(buffer_of(model, model.graph.outputs[0])));
  REQUIRE(input != timeline.partial.end());
  REQUIRE(output != timeline.partial.end());
  REQUIRE(output->second.size() == 8);
  for (size_t turn = 0; turn < 8; ++turn) {
    CHECK(output->second[turn].begin == 0);
    CHECK(output->second[turn].end == static_cast<int64_t>(turn + 1) * 8);
  }
  // The row above is needed, too: turns 0 and 1 need all 8 rows.
  REQUIRE(input->second.size() == 7);
  for (size_t i = 1; i < 7; ++i) {
    CHECK(input->second[i].turn == static_cast<int>(i) + 1);
    CHECK(input->second[i].begin == static_cast<int64_t>(i) * 8);
    CHECK(input->second[i].end == 64);
  }
}

TEST_CASE("what is alive never lies over something else that is", "[map]") {
  for (const auto kind : {compiler::ScheduleKind::Layer, compiler::ScheduleKind::Stream,
                          compiler::ScheduleKind::Patch}) {
    const auto model = compiled(small_network(), kind);
    const compiler::RowGraph rows = compiler::row_graph(model.graph);
    for (size_t run = 0; run < model.schedule.runs.size(); ++run) {
      const RunTimeline timeline = run_timeline(model, rows, run);
      const auto time = static_cast<int>(run) + 1;
      for (const auto& [id, ranges] : timeline.partial) {
        const compiler::Buffer& buffer = model.schedule.buffers[static_cast<size_t>(id)];
        if (buffer.first != time) continue;  // a tensor that the run makes, in the end all of it
        CHECK(ranges.back().begin == 0);
        CHECK(ranges.back().end == buffer.bytes);
      }
      for (int32_t turn = 0; turn < timeline.turns; ++turn) {
        // Elementwise operators read the row that they write over, pixel by pixel.
        std::vector<std::pair<int64_t, int64_t>> alive;
        for (size_t i = 0; i < model.schedule.buffers.size(); ++i) {
          const compiler::Buffer& buffer = model.schedule.buffers[i];
          if (time < buffer.first || time > buffer.last) continue;
          const int64_t offset = model.plan.offsets[i];
          const auto partial = timeline.partial.find(static_cast<int>(i));
          if (partial == timeline.partial.end()) {
            alive.emplace_back(offset, offset + buffer.bytes);
            continue;
          }
          LiveRange now;
          for (const LiveRange& range : partial->second) {
            if (range.turn <= turn) now = range;
          }
          if (now.begin < now.end) alive.emplace_back(offset + now.begin, offset + now.end);
        }
        std::sort(alive.begin(), alive.end());
        for (size_t i = 1; i < alive.size(); ++i) {
          const int64_t row = 24 * 8;  // of the tensors that an add, or a 1x1 conv, writes over
          CHECK(alive[i].first + row >= alive[i - 1].second);
        }
      }
    }
  }
}

TEST_CASE("names are escaped for XML", "[map]") {
  CHECK(svg::escape("a<b>&\"c\"") == "a&lt;b&gt;&amp;&quot;c&quot;");
  CHECK(svg::escape("\x01") == "\xEF\xBF\xBD");
  CHECK(svg::escape("\xc3\xa4\xf0\x9f\x98\x80") == "\xc3\xa4\xf0\x9f\x98\x80");
  CHECK(svg::escape("\xff\xc3") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(svg::number(-5) == "-0.5");
  CHECK(svg::number(120) == "12");
}
