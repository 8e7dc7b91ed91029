// Labels of the Visual Wake Words set, from COCO's annotations.
#pragma once

#include <filesystem>

#include "libmcunet/data/dataset.h"

namespace mcunet {

// The images of a folder of COCO with the labels 1 ("person") if a person's "area" is more than
// 0.5 % of the picture, else 0. The area is that of the outline, as in the script that made the
// published set (tensorflow/models, research/slim/datasets/build_visualwakewords_data_lib.py); the
// paper speaks of the bounding box (Chowdhery et al., "Visual Wake Words Dataset",
// arXiv:1906.05721, 2019), which is taken where an annotation has no area. `annotations` is
// instances_val2014.json or the like; images are found in it by file name, those that are not in it
// are left out, as kind() then says. Throws Error(Input) for annotations that are not sound or know
// none of the images.
Dataset label_visual_wake_words(const Dataset& images, const std::filesystem::path& annotations);

}  // namespace mcunet
