#include "libmcunet/data/visual_wake_words.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr double kLeastShare = 0.005;  // of the picture's area

struct Picture {
  double area = 0;
  bool person = false;
};

class Annotations {
 public:
  explicit Annotations(const fs::path& path) : place_(path.string()) {
    const json document = parse(read_text_file(path));
    try {
      read_pictures(document.at("images"));
      const int64_t person = person_category(document.at("categories"));
      for (const json& entry : document.at("annotations")) read_annotation(entry, person);
    } catch (const json::exception& error) {
      fail(error.what());
    }
  }

  const Picture* find(const std::string& file_name) const {
    const auto id = ids_.find(file_name);
    return id == ids_.end() ? nullptr : &pictures_.at(id->second);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::Input, place_ + ": no COCO annotations: " + why);
  }

  // Outlines are most of the file and not needed: they are dropped while it is read.
  json parse(const std::string& text) const {
    const std::set<std::string> needed = {"images",      "annotations", "categories", "id",
                                          "file_name",   "width",       "height",     "image_id",
                                          "category_id", "bbox",        "name",       "area"};
    const auto keep = [&](int, json::parse_event_t event, json& parsed) {
      return event != json::parse_event_t::key || needed.count(parsed.get<std::string>()) != 0;
    };
    try {
      return json::parse(text, keep);
    } catch (const json::exception& error) {
      fail(error.what());
    }
  }

  void read_pictures(const json& list) {
    for (const json& entry : list) {
      const auto id = entry.at("id").get<int64_t>();
      const double area = entry.at("width").get<double>() * entry.at("height").get<double>();
      if (!(area > 0)) fail("image " + std::to_string(id) + " has no area");
      pictures_[id].area = area;
      ids_[entry.at("file_name").get<std::string>()] = id;
    }
  }

  int64_t person_category(const json& list) const {
    for (const json& entry : list) {
      if (entry.at("name") == "person") return entry.at("id").get<int64_t>();
    }
    fail("there is no category \"person\"");
  }

  void read_annotation(const json& entry, int64_t person) {
    if (entry.at("category_id").get<int64_t>() != person) return;
    const auto picture = pictures_.find(entry.at("image_id").get<int64_t>());
    if (picture == pictures_.end())
      fail("an annotation is of image " + entry.at("image_id").dump() + ", which is not there");
    const auto box = entry.at("bbox").get<std::array<double, 4>>();  // x, y, width, height
    const double area = entry.value("area", box[2] * box[3]);
    if (area > kLeastShare * picture->second.area) picture->second.person = true;
  }

  std::string place_;
  std::unordered_map<int64_t, Picture> pictures_;
  std::unordered_map<std::string, int64_t> ids_;
};

}  // namespace

Dataset label_visual_wake_words(const Dataset& images, const fs::path& path) {
  const Annotations annotations(path);
  std::vector<Sample> samples;
  std::vector<size_t> indices;
  for (size_t i = 0; i < images.size(); ++i) {
    const std::string& name = images.sample(i).name;
    const Picture* picture = annotations.find(fs::path(name).filename().string());
    if (picture == nullptr) continue;
    samples.push_back({name, picture->person ? 1 : 0});
    indices.push_back(i);
  }
  if (samples.empty())
    throw Error(ErrorKind::Input,
                path.string() + ": knows none of the images, such as " + images.sample(0).name);
  const size_t left_out = images.size() - samples.size();
  std::string kind = "COCO images";
  if (left_out != 0) kind += " (without " + std::to_string(left_out) + " that have no annotations)";
  return Dataset(std::move(kind), {"no person", "person"}, std::move(samples),
                 [images, indices](size_t i) { return images.load(indices[i]); });
}

}  // namespace mcunet
