#include "profiler/measurements.h"

#include <nlohmann/json.hpp>

#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

using nlohmann::json;

NetworkShape shape_from(const json& entry) {
  NetworkShape shape;
  shape.conv_macs = entry.at("conv_macs");
  shape.depthwise_macs = entry.at("depthwise_macs");
  shape.outputs = entry.at("outputs");
  shape.operators = entry.at("operators");
  shape.parameters = entry.at("parameters");
  shape.live = entry.at("live");
  shape.live_in_place = entry.at("live_in_place");
  return shape;
}

int64_t bytes_from(const json& value) { return value.is_null() ? 0 : value.get<int64_t>(); }

Measurements read(const json& document) {
  Measurements all;
  all.sources = document.at("sources").get<std::vector<std::string>>();
  for (const auto& [name, entry] : document.at("networks").items())
    all.networks[name] = shape_from(entry);
  for (const json& entry : document.at("fits")) {
    MeasuredFit fit;
    fit.engine = entry.at("engine");
    fit.board = entry.at("board");
    fit.terms = entry.at("time").get<std::vector<std::string>>();
    for (const json& point : entry.at("points")) {
      fit.points.push_back({point.at("network"), point.at("version"), point.at("clock_mhz"),
                            point.at("ms"), bytes_from(point.at("sram")),
                            bytes_from(point.at("flash")), point.at("source")});
    }
    all.fits.push_back(std::move(fit));
  }
  for (const json& entry : document.at("emulated")) {
    all.emulated.push_back({entry.at("board"), entry.at("network"), entry.at("measured_cycles"),
                            entry.at("emulated_cycles"), entry.at("source")});
  }
  for (const json& entry : document.at("pairs"))
    all.pairs.push_back({entry.at("engine"), entry.at("network"), entry.at("f746_to_h743")});
  return all;
}

}  // namespace

Measurements published_measurements() {
  for (const EmbeddedFile& file : embedded::measurements()) {
    if (file.name == "published.json") return read(json::parse(file.text));
  }
  throw Error(ErrorKind::Internal, "configs/measurements/published.json is missing");
}

}  // namespace mcunet
