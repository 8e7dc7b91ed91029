#include "libmcunet/tflite/reader.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "libmcunet/data/preprocess.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/operator_reader.h"
#include "libmcunet/tflite/schema_generated.h"

namespace mcunet {
namespace {

std::optional<DType> dtype_of(tflite::ElementType type) {
  switch (type) {
    case tflite::ElementType::FLOAT32:
      return DType::Float32;
    case tflite::ElementType::INT32:
      return DType::Int32;
    case tflite::ElementType::UINT8:
      return DType::UInt8;
    case tflite::ElementType::INT64:
      return DType::Int64;
    case tflite::ElementType::BOOL:
      return DType::Bool;
    case tflite::ElementType::INT16:
      return DType::Int16;
    case tflite::ElementType::INT8:
      return DType::Int8;
    case tflite::ElementType::INT4:
      return DType::Int4;
    default:
      return std::nullopt;
  }
}

class Reader {
 public:
  Reader(const std::vector<uint8_t>& bytes, const std::string& name) : bytes_(bytes) {
    state_.graph.name = name;
  }

  Graph read() {
    verify_container();
    read_tensors();
    stop_if_corrupt();
    read_ids(subgraph_->inputs(), state_.graph.inputs);
    read_ids(subgraph_->outputs(), state_.graph.outputs);
    if (const auto* operators = subgraph_->operators()) {
      for (uint32_t i = 0; i < operators->size(); ++i) read(*operators->Get(i), i);
    }
    stop_if_corrupt();
    read_metadata();
    stop_if_corrupt();
    check_types();
    if (!state_.unsupported.empty()) throw Error(ErrorKind::Unsupported, state_.unsupported);
    validate(state_.graph);
    return std::move(state_.graph);
  }

 private:
  [[noreturn]] static void corrupt(const std::string& text) { throw Error(ErrorKind::Input, text); }
  void stop_if_corrupt() {
    if (!state_.corrupt.empty()) throw Error(ErrorKind::Input, state_.corrupt);
  }

  void verify_container() {
    if (bytes_.size() < 8)
      corrupt(state_.graph.name + ": " + std::to_string(bytes_.size()) +
              " bytes are too few for a .tflite file");
    if (!tflite::ModelBufferHasIdentifier(bytes_.data())) {
      corrupt(state_.graph.name + ": not a .tflite file (the identifier TFL3 is missing)");
    }
    flatbuffers::Verifier verifier(bytes_.data(), bytes_.size(), 64, 10'000'000);
    if (!tflite::VerifyModelBuffer(verifier))
      corrupt(state_.graph.name +
              ": corrupt .tflite file (an offset or size leads outside the file)");
    model_ = tflite::GetModel(bytes_.data());
    if (model_->version() != 3)
      corrupt(state_.graph.name + ": schema version " + std::to_string(model_->version()) +
              " instead of 3");
    if (!model_->subgraphs() || model_->subgraphs()->size() == 0)
      corrupt(state_.graph.name + ": the file has no subgraph");
    if (model_->subgraphs()->size() > 1) {
      throw Error(ErrorKind::Unsupported, state_.graph.name + ": " +
                                              std::to_string(model_->subgraphs()->size()) +
                                              " subgraphs (control flow); only one is supported");
    }
    subgraph_ = model_->subgraphs()->Get(0);
    if (!subgraph_->tensors() || !model_->buffers() || !model_->operator_codes())
      corrupt(state_.graph.name + ": tensors, buffers or operator codes are missing");
  }

  void read_ids(const flatbuffers::Vector<int32_t>* ids, std::vector<TensorId>& out) {
    if (!ids) return;
    for (const int32_t id : *ids) {
      if (id < 0 || static_cast<size_t>(id) >= state_.graph.tensors.size())
        corrupt("graph: tensor index " + std::to_string(id) + " is out of range");
      out.push_back(id);
    }
  }

  void read_tensors() {
    for (const tflite::Tensor* source : *subgraph_->tensors()) {
      const auto id = static_cast<TensorId>(state_.graph.tensors.size());
      Tensor tensor;
      if (source->name()) tensor.name = source->name()->str();
      const std::string place = "tensor " + std::to_string(id) + " '" + tensor.name + "'";
      const std::optional<DType> dtype = dtype_of(source->type());
      if (!dtype) foreign_types_[id] = tflite::EnumNameElementType(source->type());
      tensor.dtype = dtype.value_or(DType::Float32);
      if (source->shape()) tensor.shape.assign(source->shape()->begin(), source->shape()->end());
      read_quantization(*source, tensor, place);
      if (source->buffer() >= model_->buffers()->size()) {
        state_.corrupt.push_back(place + ": buffer " + std::to_string(source->buffer()) +
                                 " is out of range");
      } else if (const tflite::Buffer* buffer = model_->buffers()->Get(source->buffer());
                 buffer && buffer->data() && buffer->data()->size() > 0) {
        tensor.data = std::make_shared<const std::vector<uint8_t>>(buffer->data()->begin(),
                                                                   buffer->data()->end());
      }
      if (source->is_variable()) variables_.insert(id);
      if (source->sparsity()) sparse_.insert(id);
      state_.graph.tensors.push_back(std::move(tensor));
    }
  }

  void read_quantization(const tflite::Tensor& source, Tensor& tensor, const std::string& place) {
    const tflite::QuantizationParameters* q = source.quantization();
    if (!q || !q->scale() || q->scale()->size() == 0) return;
    tensor.quantization.scales.assign(q->scale()->begin(), q->scale()->end());
    tensor.quantization.axis = q->quantized_dimension();
    if (q->zero_point() && q->zero_point()->size() > 0) {
      for (uint32_t i = 0; i < q->zero_point()->size(); ++i) {
        // In a damaged file the vector may lie at an odd address, which the verifier lets pass.
        int64_t zero;
        std::memcpy(&zero, q->zero_point()->Data() + i * sizeof zero, sizeof zero);
        if (zero < INT32_MIN || zero > INT32_MAX)
          state_.corrupt.push_back(place + ": zero point " + std::to_string(zero));
        tensor.quantization.zero_points.push_back(static_cast<int32_t>(zero));
      }
    } else {
      tensor.quantization.zero_points.assign(tensor.quantization.scales.size(), 0);
    }
  }

  // Ours only: what others wrote refers to things of the file that may change.
  void read_metadata() {
    if (!model_->metadata()) return;
    const std::string prefix = "mcunet.";
    for (const tflite::Metadata* entry : *model_->metadata()) {
      if (!entry->name() || entry->name()->str().compare(0, prefix.size(), prefix) != 0) continue;
      const std::string name = entry->name()->str();
      std::string text;
      if (entry->buffer() >= model_->buffers()->size()) {
        state_.corrupt.push_back("metadata " + name + ": buffer " +
                                 std::to_string(entry->buffer()) + " is out of range");
        continue;
      }
      if (const auto* data = model_->buffers()->Get(entry->buffer())->data())
        text.assign(data->begin(), data->end());
      if (!state_.graph.metadata.emplace(name, std::move(text)).second)
        state_.corrupt.push_back("metadata " + name + ": is there twice");
    }
    if (!state_.corrupt.empty()) return;
    try {
      stored_preprocess(state_.graph);
    } catch (const Error& error) {
      state_.corrupt = error.problems();
    }
  }

  void read(const tflite::Operator& table, uint32_t index) {
    const auto* codes = model_->operator_codes();
    if (table.opcode_index() >= codes->size()) {
      state_.corrupt.push_back("op " + std::to_string(index) + ": operator code " +
                               std::to_string(table.opcode_index()) + " is out of range");
      return;
    }
    read_operator(state_, table, *codes->Get(table.opcode_index()), static_cast<int32_t>(index));
  }

  // Types are judged only for tensors that remaining operators touch, all at once.
  void check_types() {
    for (const Op& op : state_.graph.ops) {
      std::set<TensorId> touched(op.inputs.begin(), op.inputs.end());
      touched.insert(op.outputs.begin(), op.outputs.end());
      for (const TensorId id : touched) check_type(describe(op), id);
    }
    for (const auto* ids : {&state_.graph.inputs, &state_.graph.outputs}) {
      for (const TensorId id : *ids) {
        check_type(ids == &state_.graph.inputs ? "graph input" : "graph output", id);
        if (state_.evaluated.count(id))
          state_.unsupported.push_back("graph output: tensor " + std::to_string(id) +
                                       " is the constant result of shape arithmetic");
      }
    }
  }

  void check_type(const std::string& place, TensorId id) {
    const Tensor& tensor = state_.graph.tensor(id);
    const std::string name = "tensor " + std::to_string(id) + " '" + tensor.name + "'";
    const auto foreign = foreign_types_.find(id);
    const bool activation = !tensor.is_constant();
    if (foreign != foreign_types_.end()) {
      state_.unsupported.push_back(place + ": " + name + " is " + foreign->second +
                                   "; supported: int8, uint8, float32");
    } else if (activation && tensor.dtype != DType::Int8 && tensor.dtype != DType::UInt8 &&
               tensor.dtype != DType::Float32) {
      state_.unsupported.push_back(place + ": " + name + " is " + dtype_name(tensor.dtype) +
                                   "; activations may be int8, uint8 or float32");
    } else if (variables_.count(id)) {
      state_.unsupported.push_back(place + ": " + name +
                                   " is a variable (state between inferences)");
    } else if (sparse_.count(id)) {
      state_.unsupported.push_back(place + ": " + name + " is stored sparse");
    }
  }

  const std::vector<uint8_t>& bytes_;
  const tflite::Model* model_ = nullptr;
  const tflite::SubGraph* subgraph_ = nullptr;
  ReadState state_;
  std::map<TensorId, std::string> foreign_types_;
  std::set<TensorId> variables_, sparse_;
};

}  // namespace

Graph read_tflite(const std::vector<uint8_t>& bytes, const std::string& name) {
  return Reader(bytes, name).read();
}

}  // namespace mcunet
