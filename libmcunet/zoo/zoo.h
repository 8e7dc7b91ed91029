// The built-in networks: configs/zoo/*.json, compiled into the library. Architectures are given by
// their facts (kernels, expansion ratios, channels); graphs are built by our own code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/description.h"
#include "libmcunet/netspec/layers.h"

namespace mcunet::zoo {

// What the authors state; absent: they do not.
struct Published {
  std::string source;
  std::optional<double> macs_m, params_m;  // millions, as printed
  std::optional<int64_t> macs, params;     // exact, where a file of theirs gives them
  std::optional<int64_t> sram, flash;      // bytes
  std::optional<double> ms;                // on the board
  std::optional<double> top1_float, top1_int8, top5_float, top5_int8;  // per cent
};

struct Download {
  std::string name;    // of the file at the published address: "mcunet-320kb-1mb_imagenet.tflite"
  int64_t bytes = 0;   // 0: not known
  std::string sha256;  // hexadecimal; empty: not known
};

struct ZooNetwork {
  std::string net_id;
  std::vector<std::string> aliases;
  std::string task;     // "imagenet", "vww", "person detection" …
  std::string board;    // it was made for
  int weight_bits = 8;  // 4: of the 1×1 convolutions
  std::variant<netspec::NetworkDescription, netspec::LayerNetwork> network;
  Published published;
  std::vector<Download> downloads;

  bool is_description() const {
    return std::holds_alternative<netspec::NetworkDescription>(network);
  }
};

// All, by file name. Throws Error(Internal) when a file that was built in is not sound.
std::vector<ZooNetwork> networks();

// By net_id or alias, "mobilenetv2-w0.5-r128" and "proxyless-w0.5-r128" at any width and
// resolution. find() gives nothing when there is none; get() throws Error(Usage) with near names.
std::optional<ZooNetwork> find(const std::string& name);
ZooNetwork get(const std::string& name);

// One file of configs/zoo. Throws Error(Input).
ZooNetwork parse(std::string_view text, const std::string& place);

// With another resolution or number of classes. Throws Error(Usage) where the network has neither.
ZooNetwork changed(ZooNetwork network, std::optional<int32_t> resolution,
                   std::optional<int32_t> classes);

// The int8 graph with made-up weights and quantization; int4 weights where weight_bits is 4.
Graph build(const ZooNetwork& network, const netspec::BuildOptions& options = {});

// The same network in float32: weights and biases dequantized.
Graph to_float(const Graph& graph);

// Parameters that training adjusts: batch norm has two per channel, of which graphs keep one.
int64_t trained_parameters(const ZooNetwork& network, const Graph& graph);

// "176x176x3"
std::string input_text(const ZooNetwork& network);

}  // namespace mcunet::zoo
