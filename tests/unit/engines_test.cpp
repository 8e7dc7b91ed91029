// Models of other engines, the board's factor, and what a user's board says.
#include "profiler/engines.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <iostream>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "profiler/board_factor.h"
#include "profiler/measured_layers.h"
#include "profiler/measurements.h"
#include "tests/golden/golden_data.h"

using namespace mcunet;

namespace {

const EngineFit& fit_of(const std::vector<EngineFit>& fits, const std::string& engine,
                        const std::string& board) {
  for (const EngineFit& fit : fits) {
    if (fit.engine == engine && fit.board == board) return fit;
  }
  throw std::runtime_error("no fit of " + engine + " on " + board);
}

}  // namespace

TEST_CASE("TinyEngine on the STM32F746: time within 3 %, SRAM within 1 KiB, nine networks") {
  const EngineFit fit = fit_of(engine_fits(), "tinyengine", "stm32f746");
  CHECK(fit.time.points == 9);
  CHECK(fit.time.mean_pct <= 3);
  const Measurements all = published_measurements();
  for (const MeasuredFit& measured : all.fits) {
    if (measured.engine != "tinyengine" || measured.board != "stm32f746") continue;
    for (const MeasuredPoint& point : measured.points) {
      INFO(point.network);
      CHECK(std::abs(all.networks.at(point.network).live_in_place - point.sram) <= 1024);
    }
  }
}

TEST_CASE("90 % of the networks lie inside the bars that the others give") {
  size_t inside = 0, total = 0;
  for (const EngineFit& fit : engine_fits()) {
    for (const HeldOut& point : fit.held_out) {
      inside += point.inside() ? 1 : 0;
      ++total;
    }
  }
  INFO(inside << " of " << total);
  CHECK(total > 100);
  CHECK(static_cast<double>(inside) >= 0.9 * static_cast<double>(total));
}

TEST_CASE("the shape of a network is that of its published layer list") {
  const auto shared = golden::shared_dir();
  if (!shared) {
    std::cout << "skipped: layer lists, ../shared is not here\n";
    return;
  }
  const Measurements all = published_measurements();
  const std::pair<const char*, const char*> files[] = {
      {"mcunet-320kb-1mb_imagenet.tflite", "mcunet-320kb-1mb_imagenet"},
      {"te_vww.tflite", "mcunet-5fps_vww"}};
  for (const auto& [file, network] : files) {
    INFO(file);
    const NetworkShape shape =
        network_shape(read_tflite(read_file(*shared / "models" / file), network));
    const NetworkShape& published = all.networks.at(network);
    CHECK(shape.conv_macs == published.conv_macs);
    CHECK(shape.depthwise_macs == published.depthwise_macs);
    CHECK(shape.outputs == published.outputs);
    // The published list of this one is of another conversion, with other small operators.
    if (std::string(network) != "mcunet-5fps_vww") CHECK(shape.operators == published.operators);
    CHECK(shape.live == published.live);
    CHECK(shape.live_in_place == published.live_in_place);
  }
}

TEST_CASE("an engine is estimated where it was measured, and nowhere else") {
  const NetworkShape shape = published_measurements().networks.at("mcunet-5fps");
  const EngineEstimate f746 = estimate_engine(shape, "tinyengine", find_board("stm32f746"));
  CHECK(f746.fitted_on == "stm32f746");
  CHECK(f746.ms == Approx(135).epsilon(0.05));
  const EngineEstimate f767 = estimate_engine(shape, "tinyengine", find_board("stm32f767"));
  CHECK(f767.fitted_on == "stm32f746");
  CHECK(f767.bar.high > f746.bar.high);
  CHECK(f767.bar.low < f746.bar.low);
  CHECK_THROWS_AS(estimate_engine(shape, "tinyengine", find_board("stm32f446")), Error);
  CHECK_THROWS_AS(estimate_engine(shape, "glow", find_board("stm32f746")), Error);
}

TEST_CASE("the board's factor is what TinyEngine's kernels took on it, or the user's") {
  const Board board = find_board("stm32f746");
  const BoardFactor published = board_factor(board, false, {});
  CHECK(published.points == 2);
  CHECK(published.factor == Approx(std::sqrt(1.076 * 1.155)).epsilon(0.001));
  CHECK(published.bar.low < 1);
  CHECK(published.bar.high > 1);
  const BoardFactor estimated = board_factor(board, true, {});
  CHECK(estimated.bar.high > published.bar.high);
  CHECK(board_factor(find_board("stm32h743"), false, {}).factor < published.factor);
  CHECK(board_factor(find_board("stm32f446"), false, {}).points == 0);
  Calibration own{"stm32f746", {{"a", "", "emulator", 120, 100}}};
  CHECK(board_factor(board, false, own).factor == Approx(1.2));
  CHECK(board_factor(board, true, own).id == published.id);  // counted otherwise
}

TEST_CASE("calibration files: written, replaced by network, refused when broken") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "new" / "stm32f746.json";
  CHECK(load_calibration(path, "stm32f746").entries.empty());
  add_to_calibration(path, "stm32f746", {"a", "1", "model", 110, 100});
  add_to_calibration(path, "stm32f746", {"b", "2", "model", 130, 100});
  add_to_calibration(path, "stm32f746", {"a", "1", "model", 120, 100});
  const Calibration read = load_calibration(path, "stm32f746");
  REQUIRE(read.entries.size() == 2);
  CHECK(read.entries[0].measured_cycles == 120);
  CHECK_THROWS_AS(load_calibration(path, "stm32h743"), Error);
  write_file_atomically(path, "{}");
  CHECK_THROWS_AS(load_calibration(path, "stm32f746"), Error);
}

TEST_CASE("cycles from a board") {
  const MeasuredLayers one = parse_measured_layers("boot\n0 10\n1,20 # conv\n\n2 30\n", 3, "uart");
  CHECK(one.total == 60);
  CHECK(one.layers == std::vector<int64_t>{10, 20, 30});
  // The second inference counts; a third that was cut off does not.
  CHECK(parse_measured_layers("0 10\n1 20\n0 8\n1 18\n0 9\n", 2, "uart").total == 26);
  CHECK(parse_measured_layers("total 500\n", 3, "uart").total == 500);
  const char* const wrong[] = {"", "7 10\n", "0 ten\n", "0 1 2\n", "total\n", "0 -5\n"};
  for (const char* text : wrong) {
    INFO(text);
    CHECK_THROWS_AS(parse_measured_layers(text, 3, "uart"), Error);
  }
}
