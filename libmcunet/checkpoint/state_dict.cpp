#include "libmcunet/checkpoint/state_dict.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>

#include "libmcunet/checkpoint/pickle.h"
#include "libmcunet/checkpoint/storage.h"
#include "libmcunet/checkpoint/zip_archive.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet::checkpoint {
namespace {

using Kind = Value::Kind;

constexpr uint64_t kMaxElements = uint64_t{1} << 28;
// Ten bytes, as LONG1 of the first pickle.
constexpr std::string_view kLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::string_view kLegacyStart =
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

// A storage as a tensor refers to it.
struct Storage {
  StorageType type = StorageType::Float;
  std::string key;
  uint64_t elements = 0;  // of the whole storage
  uint64_t begin = 0;     // of the part that the tensor sees (views in old files)
  uint64_t end = 0;
};

// The bytes of the storage with this key, at least as many as its elements need.
using StorageData = std::function<ByteView(const Storage&)>;

// What the pickle's values mean.
class Objects {
 public:
  Objects(const Pickle& pickle, std::string place) : pickle_(pickle), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& text) const {
    throw Error(ErrorKind::Input, place_ + ": " + text);
  }

  const Value& operator[](ValueId id) const { return pickle_[id]; }
  const Value& root() const { return pickle_[pickle_.root]; }

  const Value& item(const Value& value, size_t index, Kind kind, const char* what) const {
    if (index >= value.items.size() || pickle_[value.items[index]].kind != kind)
      fail(std::string(what) + " is missing or of the wrong type");
    return pickle_[value.items[index]];
  }

  uint64_t count(const Value& value, const char* what) const {
    if (value.kind != Kind::Integer || value.integer < 0)
      fail(std::string(what) + " is no whole number");
    return static_cast<uint64_t>(value.integer);
  }

  std::vector<uint64_t> counts(const Value& tuple, const char* what) const {
    std::vector<uint64_t> all;
    for (const ValueId id : tuple.items) all.push_back(count(pickle_[id], what));
    return all;
  }

  // ('storage', torch.FloatStorage, key, location, elements[, view]); view is None or (key, offset,
  // elements).
  Storage storage(const Value& value) const {
    if (item(value, 0, Kind::Text, "the word 'storage'").text != "storage")
      fail("a persistent id is no storage");
    const std::string& global = item(value, 1, Kind::Global, "a storage's type").text;
    const std::optional<StorageType> type = storage_type(global);
    if (!type) fail(global + " is no type of storages");
    Storage storage;
    storage.type = *type;
    storage.key = item(value, 2, Kind::Text, "a storage's key").text;
    storage.elements = count(item(value, 4, Kind::Integer, "a storage's size"), "a storage's size");
    storage.end = storage.elements;
    if (value.items.size() > 5 && pickle_[value.items[5]].kind == Kind::Tuple) {
      const Value& view = pickle_[value.items[5]];
      storage.begin = count(item(view, 1, Kind::Integer, "a view's offset"), "a view's offset");
      const uint64_t size = count(item(view, 2, Kind::Integer, "a view's size"), "a view's size");
      if (storage.begin > storage.elements || size > storage.elements - storage.begin)
        fail("a view leaves its storage");
      storage.end = storage.begin + size;
    }
    return storage;
  }

 private:
  const Pickle& pickle_;
  std::string place_;
};

// A dict with texts as keys and at least one tensor. In one that holds the state dict beside other
// things, those are numbers, texts or dicts.
bool has_tensors(const Objects& objects, const Value& dict) {
  if (dict.kind != Kind::Dict) return false;
  for (size_t i = 1; i < dict.items.size(); i += 2) {
    if (objects[dict.items[i]].kind == Kind::Tensor) return true;
  }
  return false;
}

const Value& find_state_dict(const Objects& objects) {
  const Value& root = objects.root();
  if (root.kind != Kind::Dict) objects.fail("holds no dict of tensors");
  if (has_tensors(objects, root)) return root;
  std::vector<std::pair<std::string, const Value*>> found;
  for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const Value& entry = objects[root.items[i + 1]];
    if (has_tensors(objects, entry)) found.emplace_back(objects[root.items[i]].text, &entry);
  }
  for (const char* usual : {"state_dict", "model_state_dict", "model"}) {
    for (const auto& [name, dict] : found) {
      if (name == usual) return *dict;
    }
  }
  if (found.size() == 1) return *found.front().second;
  if (found.empty()) objects.fail("holds no dict of tensors");
  std::string names;
  for (const auto& [name, dict] : found) names += (names.empty() ? "" : ", ") + name;
  objects.fail("several entries hold tensors (" + names +
               "); name the one with the network's weights \"state_dict\"");
}

class TensorReader {
 public:
  TensorReader(const Objects& objects, const StorageData& data) : objects_(objects), data_(data) {}

  // (storage, offset, size, stride, …), counted in elements.
  Tensor read(const Value& value, const std::string& name) {
    const Storage storage =
        objects_.storage(objects_.item(value, 0, Kind::Storage, "a tensor's storage"));
    const uint64_t offset = objects_.count(
        objects_.item(value, 1, Kind::Integer, "a tensor's offset"), "a tensor's offset");
    const std::vector<uint64_t> shape =
        objects_.counts(objects_.item(value, 2, Kind::Tuple, "a tensor's size"), "a tensor's size");
    const std::vector<uint64_t> strides = objects_.counts(
        objects_.item(value, 3, Kind::Tuple, "a tensor's stride"), "a tensor's stride");
    if (shape.size() != strides.size())
      objects_.fail("tensor '" + name + "' has more sizes or more strides");

    Tensor tensor;
    tensor.name = name;
    tensor.dtype = dtype_of(storage.type);
    uint64_t elements = 1;
    for (const uint64_t extent : shape) {
      if (extent > kMaxElements) too_large(name);
      elements *= extent;
      if (elements > kMaxElements) too_large(name);
      tensor.shape.push_back(static_cast<int32_t>(extent));
    }
    elements_ += elements;
    if (elements_ > kMaxElements) too_large(name);
    auto bytes = std::make_shared<std::vector<uint8_t>>(elements * dtype_size(tensor.dtype));
    if (elements > 0) {
      const ByteView data = data_(storage);  // first: it makes sure of the storage's size
      check_bounds(storage, offset, shape, strides, name);
      gather(storage.type, data.data, storage.begin + offset, shape, strides, *bytes,
             dtype_size(tensor.dtype));
    }
    tensor.data = std::move(bytes);
    return tensor;
  }

 private:
  [[noreturn]] static void too_large(const std::string& name) {
    throw Error(ErrorKind::Unsupported,
                "tensor '" + name +
                    "': more than 2^28 elements up to here; no microcontroller "
                    "holds such a network");
  }

  void check_bounds(const Storage& storage, uint64_t offset, const std::vector<uint64_t>& shape,
                    const std::vector<uint64_t>& strides, const std::string& name) const {
    const uint64_t room = storage.end - storage.begin;
    uint64_t last = offset;
    bool inside = offset < room;
    for (size_t d = 0; d < shape.size() && inside; ++d) {
      inside = shape[d] == 1 || strides[d] < room;
      if (inside) last += (shape[d] - 1) * (shape[d] == 1 ? 0 : strides[d]);
      inside = inside && last < room;
    }
    if (!inside) objects_.fail("tensor '" + name + "' leaves its storage");
  }

  static void gather(StorageType type, const uint8_t* data, uint64_t offset,
                     const std::vector<uint64_t>& shape, const std::vector<uint64_t>& strides,
                     std::vector<uint8_t>& out, size_t step) {
    std::vector<uint64_t> position(shape.size(), 0);
    uint64_t index = offset;
    for (size_t at = 0; at < out.size(); at += step) {
      convert_element(type, data, index, out.data() + at);
      for (size_t d = shape.size(); d-- > 0;) {
        index += strides[d];
        if (++position[d] < shape[d]) break;
        index -= shape[d] * strides[d];
        position[d] = 0;
      }
    }
  }

  const Objects& objects_;
  const StorageData& data_;
  uint64_t elements_ = 0;
};

void drop_common_prefix(StateDict& tensors) {
  const std::string prefix = "module.";
  const bool common = std::all_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
    return entry.first.size() > prefix.size() && entry.first.compare(0, prefix.size(), prefix) == 0;
  });
  if (!common) return;
  StateDict renamed;
  for (auto& [name, tensor] : tensors) {
    tensor.name = name.substr(prefix.size());
    renamed.emplace(tensor.name, std::move(tensor));
  }
  tensors = std::move(renamed);
}

StateDict read_tensors(const Objects& objects, const Value& dict, const StorageData& data) {
  TensorReader reader(objects, data);
  StateDict tensors;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Value& key = objects[dict.items[i]];
    const Value& value = objects[dict.items[i + 1]];
    if (value.kind != Kind::Tensor) continue;
    if (key.kind != Kind::Text) objects.fail("the name of a tensor is no text");
    // A later entry of the same name replaces the earlier one, as in Python.
    tensors.insert_or_assign(key.text, reader.read(value, key.text));
  }
  drop_common_prefix(tensors);
  return tensors;
}

// ---- the two forms

void check_legacy_header(ByteReader& reader, const std::string& place) {
  if (read_pickle(reader).values.front().text != kLegacyMagic)
    throw Error(ErrorKind::Input, place + ": the magic number of torch.save() is missing");
  const Pickle version = read_pickle(reader);
  if (version[version.root].integer != 1001)
    throw Error(ErrorKind::Unsupported, place + ": protocol " +
                                            std::to_string(version[version.root].integer) +
                                            " of torch.save(); only 1001 is known");
  const Pickle system = read_pickle(reader);
  const Value& dict = system[system.root];
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    if (system[dict.items[i]].text == "little_endian" && system[dict.items[i + 1]].integer == 0)
      throw Error(ErrorKind::Unsupported, place + ": written on a big-endian machine");
  }
}

StateDict read_legacy(ByteView bytes, const std::string& place) {
  ByteReader reader(bytes, place);
  check_legacy_header(reader, place);
  const Pickle pickle = read_pickle(reader);
  const Pickle keys = read_pickle(reader);
  const Objects objects(pickle, place);
  const Value& dict = find_state_dict(objects);

  std::map<std::string, Storage> described;
  for (const Value& value : pickle.values) {
    if (value.kind != Kind::Storage) continue;
    const Storage storage = objects.storage(value);
    described.emplace(storage.key, storage);
  }
  std::map<std::string, ByteView> contents;
  for (const ValueId id : keys[keys.root].items) {
    const std::string& key = keys[id].text;
    const auto found = described.find(key);
    if (found == described.end()) objects.fail("storage " + key + " belongs to no tensor");
    const uint64_t elements = reader.unsigned_integer(8);
    if (elements != found->second.elements)
      objects.fail("storage " + key + " has " + std::to_string(elements) + " elements instead of " +
                   std::to_string(found->second.elements));
    if (elements > reader.left()) objects.fail("storage " + key + " is cut off: truncated file");
    contents[key] = reader.take(elements * element_size(found->second.type));
  }
  if (reader.left() != 0) reader.fail("the file goes on after the last storage");
  return read_tensors(objects, dict, [&](const Storage& storage) {
    const auto found = contents.find(storage.key);
    if (found == contents.end()) objects.fail("storage " + storage.key + " is missing");
    const Storage& known = described.at(storage.key);
    if (known.type != storage.type || known.elements != storage.elements)
      objects.fail("storage " + storage.key + " is described in two ways");
    return found->second;
  });
}

// "archive/" of "archive/data.pkl".
std::optional<std::string> zip_root(const ZipArchive& archive) {
  const std::string wanted = "data.pkl";
  for (const std::string& name : archive.names()) {
    const size_t slash = name.find('/');
    if (slash != std::string::npos && name.substr(slash + 1) == wanted)
      return name.substr(0, slash + 1);
  }
  return std::nullopt;
}

bool is_torchscript(const ZipArchive& archive, const std::string& root) {
  return archive.has(root + "constants.pkl");
}

StateDict read_zip(ByteView bytes, const std::string& place) {
  const ZipArchive archive(bytes, place);
  const std::optional<std::string> root = zip_root(archive);
  if (!root) throw Error(ErrorKind::Input, place + ": a zip file without PyTorch's data.pkl");
  if (is_torchscript(archive, *root))
    throw Error(ErrorKind::Input, place +
                                      ": a TorchScript program, not a checkpoint; it needs no "
                                      "description beside it");
  if (archive.has(*root + "byteorder")) {
    const ByteView order = archive.read(*root + "byteorder");
    if (std::string(order.data, order.data + order.size) != "little")
      throw Error(ErrorKind::Unsupported, place + ": written on a big-endian machine");
  }
  ByteReader reader(archive.read(*root + "data.pkl"), place + ": data.pkl");
  const Pickle pickle = read_pickle(reader);
  const Objects objects(pickle, place);
  const Value& dict = find_state_dict(objects);
  std::map<std::string, ByteView> contents;  // each is checked once
  return read_tensors(objects, dict, [&](const Storage& storage) {
    const auto known = contents.find(storage.key);
    const ByteView content =
        known != contents.end() ? known->second : archive.read(*root + "data/" + storage.key);
    contents.emplace(storage.key, content);
    if (content.size / element_size(storage.type) < storage.elements)
      objects.fail("storage " + storage.key + " has " + std::to_string(content.size) +
                   " bytes, too few for " + std::to_string(storage.elements) + " elements");
    return content;
  });
}

bool is_legacy(const std::vector<uint8_t>& bytes) {
  return bytes.size() >= kLegacyStart.size() &&
         std::equal(kLegacyStart.begin(), kLegacyStart.end(), bytes.begin(),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

}  // namespace

bool is_checkpoint(const std::vector<uint8_t>& bytes, const std::string& place) {
  if (is_legacy(bytes)) return true;
  const ByteView view = {bytes.data(), bytes.size()};
  if (!is_zip(view)) return false;
  const ZipArchive archive(view, place);
  const std::optional<std::string> root = zip_root(archive);
  return root.has_value() && !is_torchscript(archive, *root);
}

StateDict read_state_dict(const std::vector<uint8_t>& bytes, const std::string& place) {
  const ByteView view = {bytes.data(), bytes.size()};
  if (is_zip(view)) return read_zip(view, place);
  if (is_legacy(bytes)) return read_legacy(view, place);
  throw Error(ErrorKind::Input, place +
                                    ": not a PyTorch checkpoint (neither a zip file nor the magic "
                                    "number of older versions)");
}

StateDict read_state_dict(const std::filesystem::path& path) {
  return read_state_dict(read_file(path), path.string());
}

}  // namespace mcunet::checkpoint
