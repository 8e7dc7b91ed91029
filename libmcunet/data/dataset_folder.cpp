#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <system_error>

#include "libmcunet/data/csv.h"
#include "libmcunet/data/dataset_sources.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxProblems = 20;  // shown of a damaged labels.csv

bool is_image_name(const fs::path& path) {
  const std::set<std::string> known = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pnm"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return known.count(extension) != 0;
}

bool is_hidden(const fs::path& path) { return path.filename().string().front() == '.'; }

// Entries that are not hidden, by name: the file system's order differs from machine to machine.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_hidden(entry->path())) entries.push_back(entry->path());
  }
  if (error) {
    throw Error(ErrorKind::Input, "cannot read " + folder.string() + ": " + error.message());
  }
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string() < b.filename().string();
  });
  return entries;
}

// Images in the folder and below it, relative to `root`.
void collect_images(const fs::path& folder, const fs::path& root, int depth,
                    std::vector<std::string>& names) {
  constexpr int kMaxDepth = 8;  // a link may lead back up
  for (const fs::path& entry : sorted_entries(folder)) {
    std::error_code error;
    if (fs::is_directory(entry, error)) {
      if (depth < kMaxDepth) collect_images(entry, root, depth + 1, names);
    } else if (is_image_name(entry)) {
      names.push_back(entry.lexically_relative(root).string());
    }
  }
}

std::vector<std::string> images_below(const fs::path& folder, const fs::path& root) {
  std::vector<std::string> names;
  collect_images(folder, root, 0, names);
  return names;
}

Dataset image_files(std::string kind, const fs::path& folder, std::vector<std::string> classes,
                    std::vector<Sample> samples) {
  std::vector<std::string> names;
  for (const Sample& sample : samples) names.push_back(sample.name);
  const auto load = [folder, names](size_t i) -> SampleData {
    return read_image(folder / names[i]);
  };
  return Dataset(std::move(kind), std::move(classes), std::move(samples), load);
}

std::optional<int> parse_class(const std::string& text) {
  int value = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0 || value >= kMaxClasses) return std::nullopt;
  return value;
}

}  // namespace

Dataset open_labels_csv(const fs::path& folder) {
  const std::string place = (folder / "labels.csv").string();
  std::vector<CsvRow> rows = parse_csv(read_text_file(place), place);
  const auto is_header = [](const CsvRow& row) {
    return row.cells.size() > 1 && row.cells[0] == "file" && !parse_class(row.cells[1]);
  };
  if (!rows.empty() && is_header(rows.front())) rows.erase(rows.begin());

  std::vector<std::string> classes, problems;
  std::vector<Sample> samples;
  const auto problem = [&](const CsvRow& row, const std::string& text) {
    problems.push_back(place + ": line " + std::to_string(row.line) + ": " + text);
  };
  for (const CsvRow& row : rows) {
    if (problems.size() == kMaxProblems) {
      problems.push_back(place + ": … and perhaps more");
      break;
    }
    if (row.cells.size() < 2 || row.cells.size() > 3) {
      problem(row, "expected file,class index[,class name]");
      continue;
    }
    const std::optional<int> label = parse_class(row.cells[1]);
    std::error_code error;
    if (!label) {
      problem(row, "'" + row.cells[1] + "' is no class index (0 to " +
                       std::to_string(kMaxClasses - 1) + ")");
    } else if (!fs::exists(folder / row.cells[0], error)) {
      problem(row, "there is no file " + row.cells[0]);
    } else {
      const auto index = static_cast<size_t>(*label);
      if (index >= classes.size()) classes.resize(index + 1);
      if (row.cells.size() == 3) classes[index] = row.cells[2];
      samples.push_back({row.cells[0], label});
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
  return image_files("images with labels.csv", folder, std::move(classes), std::move(samples));
}

bool holds_images(const fs::path& folder) { return !images_below(folder, folder).empty(); }

Dataset open_image_folder(const fs::path& folder) {
  std::vector<std::string> classes;
  std::vector<Sample> classified, flat;
  for (const fs::path& entry : sorted_entries(folder)) {
    std::error_code error;
    if (fs::is_directory(entry, error)) {
      const auto label = static_cast<int>(classes.size());
      classes.push_back(entry.filename().string());
      for (std::string& name : images_below(entry, folder))
        classified.push_back({std::move(name), label});
    } else if (is_image_name(entry)) {
      flat.push_back({entry.filename().string(), std::nullopt});
    }
  }
  if (classified.empty()) return image_files("images", folder, {}, std::move(flat));
  if (!flat.empty()) {
    throw Error(ErrorKind::Input, folder.string() + ": " + flat.front().name +
                                      " lies beside class folders: put every image into the folder "
                                      "of its class, or write labels.csv");
  }
  if (classes.size() > static_cast<size_t>(kMaxClasses))
    throw Error(ErrorKind::Input, folder.string() + ": more than 65536 class folders");
  return image_files("class folders", folder, std::move(classes), std::move(classified));
}

}  // namespace mcunet
