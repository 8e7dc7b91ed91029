// TorchScript programs, each imported, run by the reference interpreter and compared with LibTorch.
#include "quant/import/torchscript.h"

#include <torch/csrc/jit/api/module.h>

#include <sstream>

#include "compare.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "quant/import/import.h"
#include "tests/support/mutants.h"

using namespace mcunet;
using Catch::Matchers::Contains;

extern "C" std::unique_ptr<Graph> mcunet_read_torchscript(
    const std::vector<uint8_t>& bytes, const import::TorchScriptOptions& options);

namespace {

// forward() is `body`; weights are random.
torch::jit::Module program(const std::string& body) {
  at::manual_seed(7);
  torch::jit::Module module("net");
  const auto weight = [&](const char* name, at::IntArrayRef shape) {
    module.register_parameter(name, at::randn(shape), false);
  };
  weight("w", {6, 4, 3, 3});   // convolution
  weight("wg", {6, 2, 3, 2});  // in two groups
  weight("wd", {8, 1, 3, 3});  // depthwise with multiplier 2
  weight("w1", {6, 4, 1, 1});
  weight("b", {6});
  weight("bd", {8});
  weight("m", {5, 4 * 6 * 5});  // a linear layer behind flatten
  weight("bm", {5});
  weight("l", {3, 5});  // along the last dimension
  weight("g", {4});
  weight("c", {4, 1, 1});
  module.register_buffer("v", at::rand({4}) + 0.5);
  module.register_attribute("training", c10::BoolType::get(), false);
  module.define("def forward(self, x):\n" + body);
  return module;
}

std::vector<uint8_t> saved(const torch::jit::Module& module) {
  std::ostringstream stream;
  module.save(stream);
  const std::string text = stream.str();
  return {text.begin(), text.end()};
}

import::TorchScriptOptions options_for(const Shape& shape){import::TorchScriptOptions options;
options.name = "net";
options.input_shape = shape;
return options;
}  // namespace

std::string body_of(const std::string& expression) { return "  return " + expression + "\n"; }

Graph check_program(const std::string& body, const Shape& shape = {1, 4, 6, 5}) {
  CAPTURE(body);
  torch::jit::Module module = program(body);
  const at::Tensor x = at::randn(std::vector<int64_t>(shape.begin(), shape.end())) * 3;
  const c10::IValue result = module.forward({x.clone()});
  std::vector<at::Tensor> expected;
  if (result.isTensor()) {
    expected = {result.toTensor()};
  } else {
    for (const c10::IValue& value : result.toTupleRef().elements())
      expected.push_back(value.toTensor());
  }
  const auto graph = mcunet_read_torchscript(saved(module), options_for(shape));
  testing::check_same(*graph, x, expected);
  return *graph;
}

Error import_error(const std::string& body, const Shape& shape = {1, 4, 6, 5}) {
  try {
    mcunet_read_torchscript(saved(program(body)), options_for(shape));
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}

}  // namespace

TEST_CASE("TorchScript's operators compute what LibTorch computes", "[torchscript]") {
  const std::string expression = GENERATE(
      as<std::string>(),
      // with weights
      "torch.conv2d(x, self.w, self.b, [1, 1], [1, 1], [1, 1], 1)",
      "torch.conv2d(x, self.w, None, [2, 1], [0, 2], [1, 2], 1)",
      "torch.conv2d(x, self.wg, self.b, [1, 2], [1, 0], [2, 1], 2)",
      "torch.conv2d(x, self.wd, self.bd, [2, 2], [1, 1], [1, 1], 4)",
      "torch.conv2d(x, self.w, self.b, [1, 1], 'same', [1, 1], 1)",
      "torch.conv2d(x, self.w, self.b, [1, 1], 'valid', [1, 1], 1)",
      "torch.batch_norm(x, self.g, self.c[:, 0, 0], self.g, self.v, False, 0.1, 0.001, False)",
      "torch.batch_norm(torch.conv2d(x, self.w1[:4], None), self.g, self.g, self.g, self.v, False, "
      "0.1, 0.001, False)",
      "torch.linear(torch.flatten(x, 1), self.m, self.bm)", "torch.linear(x, self.l, None)",
      "torch.matmul(x, self.l.t())", "torch.addmm(self.bm, x.view(1, -1), self.m.t())",
      "torch.linear(torch.relu(torch.flatten(x, 1)), self.m)",
      // value by value
      "torch.relu(x)", "torch.hardtanh(x, 0., 6.)", "torch.hardtanh(x)",
      "torch.hardtanh(x, -2., 1.5)", "torch.clamp(x, 0.5)", "torch.clamp(x, None, 1)",
      "torch.clamp_min(x, 0)", "torch.sigmoid(x)", "torch.tanh(x)", "torch.abs(x)", "torch.neg(x)",
      "torch.softmax(x, 1)", "torch.softmax(x, -1)", "torch.hardswish(x)", "torch.hardsigmoid(x)",
      "torch.silu(x)", "torch.relu6(x)", "torch.leaky_relu(x, 0.2)", "torch.elu(x)",
      "x * torch.sigmoid(x)", "x + x", "x + 2", "x + self.c", "2 - x", "x - self.c", "self.c - x",
      "x * self.c", "x / 3", "x / self.c", "torch.add(x, self.c, alpha=2)",
      "torch.sub(x, torch.relu(x), alpha=0.5)", "x * torch.mean(x, [2, 3], True)",
      "x * torch.hardsigmoid(torch.adaptive_avg_pool2d(x, [1, 1]))", "x + torch.mean(x, [0, 1])",
      "x + torch.arange(5)",
      // windows
      "torch.max_pool2d(x, [3, 2], [2, 1], [1, 1], [1, 1], False)",
      "torch.max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], True)", "torch.max_pool2d(x, [2, 2])",
      "torch.avg_pool2d(x, [3, 3], [2, 2], [1, 1], False, False, None)",
      "torch.avg_pool2d(x, [3, 3], [2, 2], [1, 1], False, True, None)",
      "torch.avg_pool2d(x, [3, 3], [2, 2], [1, 1], True, True, None)",
      "torch.avg_pool2d(x, [2, 2], [2, 2], [0, 0], True, True, None)",
      "torch.adaptive_avg_pool2d(x, [1, 1])", "torch.adaptive_avg_pool2d(x, [3, 5])",
      "torch.mean(x, [2, 3])", "torch.mean(x, [1], True)", "torch.mean(x, [-1])", "torch.mean(x)",
      // shapes
      "torch.flatten(x, 1)", "torch.flatten(x, 2)", "x.reshape([1, 8, 3, 5])",
      "x.permute([0, 2, 3, 1])",
      "torch.conv2d(x.permute([0, 2, 3, 1]).permute([0, 3, 1, 2]), self.w)", "x.transpose(1, 2)",
      "x.view([1, 2, 2, 6, 5]).transpose(1, 2).contiguous().view([1, 4, 6, 5])",
      "torch.cat([x, torch.relu(x)], 1)", "torch.cat([x, x, x], -1)", "x[:, 1:3]",
      "x[:, :, ::2, 1:]", "x[:, 2]", "torch.cat(torch.split(x, 3, 2), 1)",
      "torch.chunk(x, 2, 1)[1]", "torch.cat(torch.split_with_sizes(x, [1, 3], 1), 1)",
      "torch.unsqueeze(torch.squeeze(x), 0)", "torch.squeeze(torch.mean(x, [2, 3], True), 3)",
      "torch.constant_pad_nd(x, [1, 2, 0, 1], 0)",
      "torch.conv2d(torch.constant_pad_nd(x, [1, 2, 0, 1], 0), self.w)",
      "torch.upsample_nearest2d(x, [12, 10])", "torch.upsample_nearest2d(x, None, [2., 3.])",
      "torch.dropout(x, 0.5, False) + 1", "x.to(6).detach().clone() + 1",
      "torch.flatten(torch.adaptive_avg_pool2d(x, [1, 1]), 1)");
  check_program(body_of(expression));
}

TEST_CASE("linear layers of vectors and sequences", "[torchscript]") {
  check_program(body_of("torch.relu(torch.linear(x, self.l, None))"), {1, 5});
  check_program(body_of("torch.softmax(torch.linear(x, self.l), -1)"), {1, 7, 5});
}

TEST_CASE("programs choose by shapes and change values in place", "[torchscript]") {
  check_program(
      "  n, c, h, w = x.size()\n"
      "  if h > 3:\n"
      "    y = torch.relu(x)\n"
      "  else:\n"
      "    y = torch.sigmoid(x)\n"
      "  y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)\n"
      "  y = torch.conv2d(y, self.w1)\n"
      "  y += torch.conv2d(x, self.w1)\n"
      "  y.relu_()\n"
      "  a, b = torch.chunk(y, 2, 1)\n"
      "  parts = [a, b]\n"
      "  parts.append(torch.tanh(a))\n"
      "  return torch.cat(parts, 1), torch.flatten(b, 1)\n");
}

TEST_CASE("batch norm, activations and permutations leave nothing behind", "[torchscript]") {
  const Graph graph = check_program(
      "  y = torch.batch_norm(torch.conv2d(x, self.w1[:4]), self.g, self.g, self.g, self.v, False, "
      "0.1, 0.001, False)\n"
      "  y = torch.hardtanh(y, 0., 6.)\n"
      "  y = torch.relu(torch.conv2d(y, self.w, self.b, [1, 1], [1, 1]) + torch.conv2d(x, "
      "self.w1))\n"
      "  y = y.permute([0, 2, 3, 1]).permute([0, 3, 1, 2])\n"
      "  return torch.linear(torch.flatten(torch.conv2d(y[:, :4], self.w1[:4]), 1), self.m)\n");
  CHECK(testing::count(graph, OpKind::Conv2D) == 4);
  CHECK(testing::count(graph, OpKind::Add) == 1);
  CHECK(testing::count(graph, OpKind::FullyConnected) == 1);
  for (const OpKind kind : {OpKind::Mul, OpKind::Relu, OpKind::Relu6, OpKind::Transpose})
    CHECK(testing::count(graph, kind) == 0);
}

TEST_CASE("a channel shuffle takes one transpose", "[torchscript]") {
  const Graph graph = check_program(
      "  y = x.view([1, 2, 2, 6, 5]).transpose(1, 2).contiguous().view([1, 4, 6, 5])\n"
      "  return torch.conv2d(y, self.w)\n");
  CHECK(testing::count(graph, OpKind::Transpose) == 1);
}

TEST_CASE("everything that is not supported is named at once", "[torchscript]") {
  const Error error = import_error(
      "  y = torch.gelu(x)\n"
      "  z = torch.conv2d(torch.erf(y), self.w)\n"
      "  return z + torch.max_pool2d(x, [2, 2], [1, 1], [0, 0], [2, 2]).sum(), "
      "torch.log_softmax(x, 1)\n");
  CHECK(error.kind() == ErrorKind::Unsupported);
  for (const char* text :
       {"aten::gelu: this operator is not supported", "aten::max_pool2d: pooling with dilation",
        "aten::log_softmax", "supported are aten::{", "adaptive_avg_pool2d"})
    CHECK_THAT(error.what(), Contains(text));
  const Error choice = import_error("  if bool(x.sum() > 0):\n    return x + 1\n  return x\n");
  CHECK(choice.kind() == ErrorKind::Unsupported);
}

TEST_CASE("TorchScript files go through the door", "[torchscript]") {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "net.pt").string();
  write_file_atomically(path, saved(program(body_of("torch.relu(torch.conv2d(x, self.w))"))));
  import::ImportOptions options;
  options.input_shape = Shape{1, 4, 8, 8};
  CHECK(import::import_network(path, options).ops.size() == 1);
  options.input_shape.reset();
  options.resolution = 12;
  CHECK(import::import_network(path, options).tensor(0).shape == Shape{1, 12, 12, 4});
  options.resolution.reset();
  try {  // an error crosses the module's border as what it is
    import::import_network(path, options);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Usage);
    CHECK_THAT(error.what(), Contains("--input-shape"));
  }
}

TEST_CASE("damaged TorchScript files are refused", "[torchscript]") {
  const auto file = saved(program(body_of("torch.relu(torch.conv2d(x, self.w))")));
  const auto read = [](const std::vector<uint8_t>& bytes) {
    mcunet_read_torchscript(bytes, options_for({1, 4, 6, 5}));
  };
  for (const auto& wrong : testing::misread(testing::truncated(file, 50), read)) FAIL_CHECK(wrong);
}
