// The HTML report: one well-formed page that fetches nothing, with the figures of the profile; and
// what its charts are drawn from.
#include "profiler/html_report.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "libmcunet/support/error.h"
#include "profiler/charts.h"
#include "tests/support/builder.h"
#include "tests/support/demo_models.h"
#include "tests/support/xml.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;
using mcunet::testing::xml_problem;

namespace {

Profile profiled(const Graph& graph, const std::string& name, const std::string& board,
                 const std::vector<std::string>& engines = {}) {
  compiler::CompileOptions options;
  options.name = name;
  options.board = find_board(board);
  const Log log(LogLevel::Off);
  Profile profile = profile_model(graph, "0123abcd", options, {}, log);
  profile.engines = compare_engines(graph, engines, options.board, log);
  return profile;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Table small_table() {
  Table table({{"name"}, {"bytes", Align::Right}});
  table.add_row({"a<b> & \"c\"", "1,234"});
  table.add_rule();
  table.add_row({"d"});
  return table;
}

std::string page_of(const Profile& profile) {
  return html_report(
      profile, {{"Things & more", "a note", small_table()}, {"Others", "", small_table(), false}});
}

void check_page(const Profile& profile) {
  const std::string page = page_of(profile);
  const std::string doctype = "<!doctype html>\n";
  REQUIRE(page.rfind(doctype, 0) == 0);
  CHECK(xml_problem(page.substr(doctype.size())) == "");
  for (const char* fetch : {"http:", "https:", "src=", "href=", "@import", "url(", "//"})
    CHECK_FALSE(contains(page, fetch));
  for (const char* broken : {"nan", "inf\"", "--8"}) CHECK_FALSE(contains(page, broken));
  CHECK(page == page_of(profile));
}

}  // namespace

TEST_CASE("the page is well formed and needs nothing else", "[html]") {
  SECTION("a usual network, with engines") {
    check_page(profiled(testing::demo_model("demo_mobilenet"), "mobile", "stm32f746", {"all"}));
  }
  SECTION("names that need escaping") {
    const Profile profile =
        profiled(testing::demo_model("demo_keywords"), "a<b>&\"c\"", "stm32f412");
    check_page(profile);
    CHECK(contains(page_of(profile), "<h1>a&lt;b&gt;&amp;&quot;c&quot;</h1>"));
  }
  SECTION("the host, which has no limits") {
    check_page(profiled(testing::demo_model("demo_keywords"), "keywords", "host"));
  }
  SECTION("no multiply-accumulate at all") {
    GraphBuilder build("one", 2);
    check_page(profiled(build.build({build.unary(OpKind::Relu, build.input({1, 1}))}), "one",
                        "stm32f746"));
  }
  SECTION("what does not fit") {
    Profile profile = profiled(testing::demo_model("demo_keywords"), "keywords", "stm32f746");
    profile.model.options.board.sram_bytes = profile.model.sram.total() / 2;
    profile.model.options.board.flash_bytes = profile.flash.total() / 2;
    profile.fits_sram = profile.fits_flash = false;
    check_page(profile);
    const std::string page = page_of(profile);
    CHECK(contains(page, "does not fit"));
    CHECK(contains(page, "gauge over"));
  }
  SECTION("measured cycles, with memory on top") {
    Profile profile = profiled(testing::demo_model("demo_keywords"), "keywords", "stm32f746");
    profile.measurement.emplace();
    profile.measurement->cycles.caches.data_stalls = 1000;
    for (LayerProfile& layer : profile.layers) {
      layer.emulated_cycles = 2 * layer.cycles;
      layer.memory_cycles = layer.cycles / 2;
    }
    check_page(profile);
    CHECK(contains(page_of(profile), "what flash and caches add"));
    CHECK(contains(charts::cycles_per_layer(profile), " pale\""));
  }
}

TEST_CASE("the page has the profile's figures", "[html]") {
  const Profile profile =
      profiled(testing::demo_model("demo_mobilenet"), "mobile", "stm32f746", {"tinyengine"});
  const std::string page = page_of(profile);
  CHECK(contains(page, group_digits(profile.model.sram.total()) + " B; "));
  CHECK(contains(page, group_digits(profile.flash.total()) + " B; "));
  CHECK(contains(page, format_fixed(profile.ms, 1) + " <small>ms"));
  CHECK(contains(page, group_digits(profile.board_cycles()) + " cycles at 216 MHz"));
  for (const LayerProfile& layer : profile.layers) {
    INFO("layer " << layer.index);
    CHECK(
        contains(charts::cycles_per_layer(profile), "layer " + std::to_string(layer.index) + ","));
    CHECK(contains(page, group_digits(layer.cycles) + " cycles, "));
    if (layer.flash > 0) CHECK(contains(charts::flash_map(profile), format_bytes(layer.flash)));
  }
  for (const compiler::Alternative& other : profile.schedules) {
    CHECK(contains(page, group_digits(other.sram.total()) + " B"));
    CHECK(contains(page, group_digits(other.cycles)));
  }
  CHECK(contains(page, group_digits(profile.engines.at(0).sram) + " B"));
  CHECK(contains(page, format_fixed(profile.engines[0].ms, 1) + " ms"));
  CHECK(contains(page, "<td>a&lt;b&gt; &amp; &quot;c&quot;</td><td class=\"r\">1,234</td>"));
}

TEST_CASE("what the roofs stand on", "[html]") {
  // L1 line of 32 bytes; 7 wait states: 1 + 7 cycles for the first word, 7 for the others.
  CHECK(charts::flash_bytes_per_cycle(find_board("stm32f746")) == Approx(32.0 / 15));
  CHECK(charts::load_bytes_per_cycle(find_board("stm32f746")) == 8);
  CHECK(charts::load_bytes_per_cycle(find_board("stm32f412")) == 4);
  CHECK(charts::load_bytes_per_cycle(find_board("host")) == 0);
  CHECK(charts::flash_bytes_per_cycle(find_board("host")) == 0);

  GraphBuilder build("conv", 5);
  const Graph graph = build.build({build.conv(build.input({1, 8, 4, 2}), 3, Window::square(3))});
  // Input, 3x3x3x2 weights, 3 biases of 4 bytes, output.
  CHECK(charts::touched_bytes(graph, graph.ops.at(0)) == 64 + 54 + 12 + 96);
}

TEST_CASE("a bar that dwarfs the others is cut off, a limit is drawn where it is near", "[html]") {
  const auto bar = [](double value) { return charts::Bar{value, "v", 0, 0}; };
  const auto with = [&](double largest, double limit) {
    return charts::comparison(
        {{"m", limit, "the limit"}},
        {{"a", true, {bar(1)}}, {"b", false, {bar(2)}}, {"c", false, {bar(largest)}}});
  };
  CHECK(contains(with(100, 0), "class=\"cut\""));
  CHECK_FALSE(contains(with(5, 0), "class=\"cut\""));
  CHECK(contains(with(5, 6), "the limit"));
  CHECK(contains(with(5, 4), "class=\"over\""));
  CHECK_FALSE(contains(with(5, 6), "class=\"over\""));
  CHECK_FALSE(contains(with(5, 100), "the limit"));
}
