#include "libmcunet/checkpoint/pickle.h"

#include <cstring>
#include <unordered_map>

#include "libmcunet/support/error.h"

namespace mcunet::checkpoint {
namespace {

using Kind = Value::Kind;

// A state dict needs some 15 values per tensor.
constexpr size_t kMaxValues = size_t{1} << 22;
// Arguments that are copied: the same list may be an argument again and again.
constexpr size_t kMaxCopied = size_t{1} << 24;

// What a call of the global gives.
enum class Call : uint8_t {
  None,           // it is never called
  Dict,           // OrderedDict(), or OrderedDict([[key, value], …])
  Tensor,         // _rebuild_tensor(storage, offset, size, stride, …)
  FirstArgument,  // Parameter(tensor, …), Size((…))
  Opaque,
};

const std::unordered_map<std::string, Call>& known_globals() {
  static const std::unordered_map<std::string, Call> known = {
      {"collections.OrderedDict", Call::Dict},
      {"torch._utils._rebuild_tensor", Call::Tensor},
      {"torch._utils._rebuild_tensor_v2", Call::Tensor},
      {"torch._utils._rebuild_parameter", Call::FirstArgument},
      {"torch.Size", Call::FirstArgument},
      {"torch.device", Call::Opaque},
      {"torch.FloatStorage", Call::None},
      {"torch.DoubleStorage", Call::None},
      {"torch.HalfStorage", Call::None},
      {"torch.BFloat16Storage", Call::None},
      {"torch.LongStorage", Call::None},
      {"torch.IntStorage", Call::None},
      {"torch.ShortStorage", Call::None},
      {"torch.CharStorage", Call::None},
      {"torch.ByteStorage", Call::None},
      {"torch.BoolStorage", Call::None},
      {"torch.float32", Call::None},
      {"torch.float64", Call::None},
      {"torch.float16", Call::None},
      {"torch.bfloat16", Call::None},
      {"torch.int64", Call::None},
  };
  return known;
}

// The stack machine that a pickle is a program for.
class Machine {
 public:
  explicit Machine(ByteReader& reader) : reader_(reader) {}

  Pickle run() {
    while (step()) {
    }
    pickle_.root = pop();
    if (!stack_.empty() || !marks_.empty()) reader_.fail("the pickle ends with values left over");
    return std::move(pickle_);
  }

 private:
  // False after the last opcode.
  bool step() {
    const auto opcode = static_cast<char>(reader_.unsigned_integer(1));
    switch (opcode) {
      case '.':
        return false;
      case '\x80':
        reader_.take(1);  // the protocol: opcodes of later ones are met, and refused, below
        break;
      case '(':
        marks_.push_back(stack_.size());
        break;
      case '0':
        pop();
        break;
      case 'N':
        push(Kind::None);
        break;
      case '\x88':
      case '\x89':
        push(Kind::Bool).integer = opcode == '\x88' ? 1 : 0;
        break;
      case 'K':
        push(Kind::Integer).integer = static_cast<int64_t>(reader_.unsigned_integer(1));
        break;
      case 'M':
        push(Kind::Integer).integer = static_cast<int64_t>(reader_.unsigned_integer(2));
        break;
      case 'J':
        push(Kind::Integer).integer = reader_.signed_integer(4);
        break;
      case '\x8a':
        long_integer(reader_.unsigned_integer(1));
        break;
      case 'G':
        real();
        break;
      case 'X':
        text(reader_.unsigned_integer(4));
        break;
      case 'T':
        text(reader_.unsigned_integer(4));
        break;
      case 'U':
        text(reader_.unsigned_integer(1));
        break;
      case ')':
        push(Kind::Tuple);
        break;
      case '\x85':
      case '\x86':
      case '\x87':
        tuple(stack_.size() - static_cast<size_t>(opcode - '\x84'));
        break;
      case 't':
        tuple(pop_mark());
        break;
      case ']':
        push(Kind::List);
        break;
      case 'a':
        append(Kind::List, require(1, stack_.size() - 1));
        break;
      case 'e':
        append(Kind::List, pop_mark());
        break;
      case '}':
        push(Kind::Dict);
        break;
      case 's':
        append(Kind::Dict, require(2, stack_.size() - 2));
        break;
      case 'u':
        append(Kind::Dict, pop_mark());
        break;
      case 'q':
        memo_[reader_.unsigned_integer(1)] = top();
        break;
      case 'r':
        memo_[reader_.unsigned_integer(4)] = top();
        break;
      case 'h':
        recall(reader_.unsigned_integer(1));
        break;
      case 'j':
        recall(reader_.unsigned_integer(4));
        break;
      case 'c':
        global();
        break;
      case 'Q':
        persistent();
        break;
      case 'R':
        reduce();
        break;
      case 'b':
        build();
        break;
      default:
        refuse(opcode);
    }
    return true;
  }

  [[noreturn]] void refuse(char opcode) const {
    static const char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<uint8_t>(opcode);
    throw Error(ErrorKind::Unsupported,
                reader_.place() + ": byte " + std::to_string(reader_.position() - 1) +
                    ": opcode 0x" + kDigits[byte >> 4] + kDigits[byte & 15] +
                    " does not occur in what torch.save() writes for a state dict; save "
                    "model.state_dict() with the default pickle protocol");
  }

  Value& push(Kind kind) {
    if (pickle_.values.size() >= kMaxValues)
      throw Error(ErrorKind::Unsupported, reader_.place() + ": more than " +
                                              std::to_string(kMaxValues) +
                                              " values; save model.state_dict() alone");
    stack_.push_back(static_cast<ValueId>(pickle_.values.size()));
    pickle_.values.emplace_back().kind = kind;
    return pickle_.values.back();
  }

  // The number of values above the last mark, which belong to what is being built.
  size_t available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  // `result` when there are `count` values above the last mark.
  size_t require(size_t count, size_t result) const {
    if (available() < count) reader_.fail("too few values on the pickle's stack");
    return result;
  }

  ValueId top() const { return stack_[require(1, stack_.size() - 1)]; }
  ValueId pop() {
    const ValueId id = top();
    stack_.pop_back();
    return id;
  }

  size_t pop_mark() {
    if (marks_.empty()) reader_.fail("a mark is missing on the pickle's stack");
    const size_t mark = marks_.back();
    marks_.pop_back();
    return mark;
  }

  std::vector<ValueId> copy_items(ValueId id) {
    const std::vector<ValueId>& items = pickle_[id].items;
    copied_ += items.size();
    if (copied_ > kMaxCopied)
      throw Error(ErrorKind::Unsupported,
                  reader_.place() + ": the same arguments are used over and over");
    return items;
  }

  std::vector<ValueId> cut(size_t begin) {
    const auto from = stack_.begin() + static_cast<ptrdiff_t>(begin);
    std::vector<ValueId> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    return items;
  }

  void long_integer(uint64_t size) {
    // The magic number has ten bytes; it is compared as text, other numbers fit 64 bits.
    const ByteView bytes = reader_.take(size);
    Value& value = push(Kind::Integer);
    value.text.assign(bytes.data, bytes.data + bytes.size);
    for (size_t i = 0; i < 8; ++i) {
      const bool negative = bytes.size > 0 && (bytes.data[bytes.size - 1] & 0x80) != 0;
      const uint8_t byte = i < bytes.size ? bytes.data[i] : negative ? 0xFF : 0;
      value.integer =
          static_cast<int64_t>(static_cast<uint64_t>(value.integer) | uint64_t{byte} << (8 * i));
    }
  }

  void real() {
    const ByteView bytes = reader_.take(8);  // big-endian
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; ++i) bits = bits << 8 | bytes.data[i];
    std::memcpy(&push(Kind::Real).real, &bits, sizeof bits);
  }

  void text(uint64_t size) {
    const ByteView bytes = reader_.take(size);
    push(Kind::Text).text.assign(bytes.data, bytes.data + bytes.size);
  }

  void tuple(size_t begin) {
    require(stack_.size() - begin, 0);
    std::vector<ValueId> items = cut(begin);
    push(Kind::Tuple).items = std::move(items);
  }

  // Adds the values from `begin` on to the container below them.
  void append(Kind kind, size_t begin) {
    const std::vector<ValueId> items = cut(begin);
    Value& container = pickle_.values[top()];
    if (container.kind != kind || (kind == Kind::Dict && items.size() % 2 != 0))
      reader_.fail("values are added to what is no list or dict");
    container.items.insert(container.items.end(), items.begin(), items.end());
  }

  void recall(uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) reader_.fail("memo " + std::to_string(key) + " was never stored");
    stack_.push_back(found->second);
  }

  void global() {
    const std::string module = reader_.line();
    const std::string name = module + "." + reader_.line();
    if (known_globals().count(name) == 0)
      throw Error(ErrorKind::Unsupported,
                  reader_.place() + ": holds a Python object " + shortened(name) +
                      "; only tensors, numbers, texts, lists and dicts are read, and no code is "
                      "run. Save model.state_dict() instead of the model itself");
    push(Kind::Global).text = name;
  }

  static std::string shortened(const std::string& name) {
    std::string shown;
    for (const char c : name.substr(0, 60)) shown += c >= ' ' && c <= '~' ? c : '?';
    return shown;
  }

  void persistent() {
    const ValueId id = pop();
    if (pickle_[id].kind != Kind::Tuple) reader_.fail("a persistent id is no tuple");
    std::vector<ValueId> fields = copy_items(id);
    push(Kind::Storage).items = std::move(fields);
  }

  void reduce() {
    const ValueId arguments_id = pop();
    const ValueId callable_id = pop();
    if (pickle_[callable_id].kind != Kind::Global || pickle_[arguments_id].kind != Kind::Tuple)
      reader_.fail("something is called that is no class");
    std::vector<ValueId> arguments = copy_items(arguments_id);
    switch (known_globals().at(pickle_[callable_id].text)) {
      case Call::Dict:
        return ordered_dict(arguments);
      case Call::Tensor:
        push(Kind::Tensor).items = std::move(arguments);
        return;
      case Call::FirstArgument:
        if (arguments.empty()) reader_.fail(pickle_[callable_id].text + " has no argument");
        stack_.push_back(arguments.front());
        return;
      case Call::Opaque:
        push(Kind::Opaque);
        return;
      case Call::None:
        break;
    }
    reader_.fail(pickle_[callable_id].text + " is called");
  }

  void ordered_dict(const std::vector<ValueId>& arguments) {
    std::vector<ValueId> items;
    if (!arguments.empty()) {
      for (const ValueId pair : copy_items(arguments.front())) {
        const std::vector<ValueId>& entry = pickle_[pair].items;
        if (entry.size() != 2) reader_.fail("an entry of an OrderedDict is no pair");
        items.insert(items.end(), entry.begin(), entry.end());
      }
    }
    push(Kind::Dict).items = std::move(items);
  }

  // The state of an object: the attributes of an OrderedDict (versions of modules) hold no tensor.
  void build() {
    pop();
    if (pickle_[top()].kind != Kind::Dict) reader_.fail("attributes are set on what has none");
  }

  ByteReader& reader_;
  Pickle pickle_;
  std::vector<ValueId> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, ValueId> memo_;
  size_t copied_ = 0;
};

}  // namespace

Pickle read_pickle(ByteReader& reader) { return Machine(reader).run(); }

}  // namespace mcunet::checkpoint
