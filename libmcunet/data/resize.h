// Geometry and colour of images.
#pragma once

#include "libmcunet/data/image.h"

namespace mcunet {

// Bilinear with antialiasing, to the byte as Pillow's Image.resize(…, BILINEAR) computes it: a
// triangle filter as wide as the reduction, coefficients in fixed point with 22 bits, first along x
// and then along y, rounded to bytes after each. Source of the method: Pillow,
// src/libImaging/Resample.c. width, height > 0.
Image resize_bilinear(const Image& image, int width, int height);

// The same with Pillow's BICUBIC: a cubic filter (a = -0.5) twice as wide.
Image resize_bicubic(const Image& image, int width, int height);

// The middle width × height pixels; offsets are rounded half to even, as torchvision's CenterCrop
// does. The image must be at least as large.
Image crop_center(const Image& image, int width, int height);

// To 1 channel by ITU-R 601-2 luma in 16-bit fixed point (Pillow's "L"), to 3 by repetition.
Image convert_channels(const Image& image, int channels);

}  // namespace mcunet
