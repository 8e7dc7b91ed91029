// The kinds of sets behind open_dataset(), one source each. Every function throws Error(Input).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/data/dataset.h"

namespace mcunet {

// A folder with labels.csv; with class subfolders or images.
Dataset open_labels_csv(const std::filesystem::path& folder);
bool holds_images(const std::filesystem::path& folder);  // itself or in a subfolder
Dataset open_image_folder(const std::filesystem::path& folder);

// The image file of an IDX pair in the folder, of the split if both are there.
std::optional<std::filesystem::path> find_idx(const std::filesystem::path& folder, Split split);
bool is_idx_name(const std::string& file_name);
Dataset open_idx(const std::filesystem::path& images);

// The files of CIFAR-10's binary version in the folder; empty when there are none.
std::vector<std::filesystem::path> find_cifar(const std::filesystem::path& folder, Split split);
bool is_cifar_name(const std::string& file_name);
Dataset open_cifar(const std::vector<std::filesystem::path>& batches);

Dataset open_array(const std::filesystem::path& path);

// Class names "0" … "count - 1".
std::vector<std::string> numbered_classes(int count);

// Large enough for every set in use; keeps a damaged label from asking for memory.
constexpr int kMaxClasses = 65536;

}  // namespace mcunet
