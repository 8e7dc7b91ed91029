// Spaces from JSON.
#include <algorithm>
#include <functional>

#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/suggest.h"
#include "search/space.h"

namespace mcunet::search {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "mcunet.space/1";

// Collects every problem of a document.
class Reader {
 public:
  Reader(std::string place, std::vector<std::string>& problems)
      : place_(std::move(place)), problems_(problems) {}

  void problem(const std::string& key, const std::string& text) {
    problems_.push_back(place_ + ": \"" + key + "\" " + text);
  }

  // Calls use(value), which throws json's exceptions for values of another type.
  void field(const json& object, const std::string& key,
             const std::function<void(const json&)>& use) {
    const auto found = object.find(key);
    if (found == object.end()) return problem(key, "is missing");
    try {
      use(*found);
    } catch (const json::exception&) {
      problem(key, "is of another type");
    }
  }

  int32_t positive(const json& object, const std::string& key, int32_t most) {
    int32_t result = 1;
    field(object, key, [&](const json& value) {
      const auto wide = value.get<int64_t>();
      if (!value.is_number_integer() || wide < 1 || wide > most)
        return problem(key, "must be a whole number from 1 to " + std::to_string(most));
      result = static_cast<int32_t>(wide);
    });
    return result;
  }

  // At least one, ascending, each accepted by `sound`.
  template <typename T>
  std::vector<T> choices(const json& object, const std::string& key, const char* what,
                         const std::function<bool(T)>& sound) {
    std::vector<T> result;
    field(object, key, [&](const json& value) {
      result = value.get<std::vector<T>>();
      const bool good = !result.empty() && result.size() <= 64 &&
                        std::all_of(result.begin(), result.end(), sound) &&
                        std::is_sorted(result.begin(), result.end()) &&
                        std::adjacent_find(result.begin(), result.end()) == result.end();
      if (!good) problem(key, std::string("must be a list of ") + what + ", ascending");
    });
    return result;
  }

 private:
  std::string place_;
  std::vector<std::string>& problems_;
};

Stage read_stage(const json& value, const std::string& place, std::vector<std::string>& problems) {
  Reader reader(place, problems);
  Stage stage;
  stage.channels = reader.positive(value, "channels", 4096);
  stage.stride = reader.positive(value, "stride", 2);
  stage.depths = reader.choices<int32_t>(value, "depths", "numbers of blocks from 1 to 16",
                                         [](int32_t d) { return d >= 1 && d <= 16; });
  return stage;
}

}  // namespace

Space space_from_json(const json& document, const std::string& place) {
  std::vector<std::string> problems;
  Reader reader(place, problems);
  Space space;
  if (!document.is_object() || document.value("schema", json()) != kSchema) {
    throw Error(ErrorKind::Usage,
                place + ": no search space: \"schema\" must be \"" + kSchema + "\"");
  }
  reader.field(document, "name", [&](const json& v) { space.name = v.get<std::string>(); });
  space.in_channels = reader.positive(document, "in_channels", 64);
  space.classes = reader.positive(document, "classes", 100000);
  space.widths = reader.choices<double>(document, "widths", "factors from 0.05 to 4",
                                        [](double w) { return w >= 0.05 && w <= 4; });
  space.resolutions = reader.choices<int32_t>(document, "resolutions", "pixels from 8 to 1024",
                                              [](int32_t r) { return r >= 8 && r <= 1024; });
  reader.field(document, "smallest_map", [&](const json& v) {
    space.smallest_map = v.get<double>();
    if (!(space.smallest_map >= 1)) reader.problem("smallest_map", "must be at least 1");
  });
  reader.field(document, "activation", [&](const json& v) {
    const auto name = v.get<std::string>();
    using netspec::ActivationFunction;
    for (const auto function :
         {ActivationFunction::Relu, ActivationFunction::Relu6, ActivationFunction::HardSwish}) {
      if (name != netspec::activation_name(function)) continue;
      space.activation = function;
      return;
    }
    reader.problem("activation", "must be relu, relu6 or h_swish");
  });
  reader.field(document, "stem", [&](const json& v) {
    Reader stem(place + ": stem", problems);
    space.stem_channels = stem.positive(v, "channels", 4096);
    space.stem_stride = stem.positive(v, "stride", 2);
  });
  reader.field(document, "first_block", [&](const json& v) {
    space.first_channels = Reader(place + ": first_block", problems).positive(v, "channels", 4096);
  });
  space.kernels =
      reader.choices<int32_t>(document, "kernels", "odd numbers from 1 to 15",
                              [](int32_t k) { return k >= 1 && k <= 15 && k % 2 == 1; });
  space.expansions = reader.choices<double>(document, "expansions", "ratios above 1, up to 16",
                                            [](double e) { return e > 1 && e <= 16; });
  space.squeeze_excite =
      reader.choices<bool>(document, "squeeze_excite", "false, true", [](bool) { return true; });
  reader.field(document, "stages", [&](const json& v) {
    if (!v.is_array() || v.empty() || v.size() > 32)
      return reader.problem("stages", "must be a list of stages");
    for (size_t i = 0; i < v.size(); ++i)
      space.stages.push_back(
          read_stage(v[i], place + ": stages[" + std::to_string(i) + "]", problems));
  });
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
  return space;
}

Space find_space(const std::string& name) {
  const auto parse = [](std::string_view text, const std::string& place) {
    json document;
    try {
      document = json::parse(text);
    } catch (const json::exception& error) {
      throw Error(ErrorKind::Usage, place + ": not JSON: " + error.what());
    }
    return space_from_json(document, place);
  };
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded::spaces()) {
    names.push_back(file.name.substr(0, file.name.rfind('.')));
    if (names.back() == name) return parse(file.text, file.name);
  }
  if (name.size() > 5 && name.substr(name.size() - 5) == ".json")
    return parse(read_text_file(name), name);
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  throw Error(ErrorKind::Usage, "unknown search space '" + name + "'" + did_you_mean(name, names) +
                                    "; known: " + list + ", or a .json file");
}

}  // namespace mcunet::search
