#include "common/resize_attributes.h"

#include <algorithm>

namespace patchskip {

ResizeAttributes::ResizeAttributes(const Attributes& a)
    : mode_(a.text("mode", "nearest")),
      coordinates_(a.text("coordinate_transformation_mode", "half_pixel")),
      nearest_(a.text("nearest_mode", "round_prefer_floor")) {
  expect(mode_ == "nearest" || mode_ == "linear", "mode '" + mode_ + "' is neither nearest nor linear");
  expect(coordinates_ == "asymmetric" || coordinates_ == "half_pixel" || coordinates_ == "pytorch_half_pixel" ||
             coordinates_ == "align_corners",
         "coordinate_transformation_mode '" + coordinates_ + "' is not supported");
  expect(
      nearest_ == "floor" || nearest_ == "ceil" || nearest_ == "round_prefer_floor" || nearest_ == "round_prefer_ceil",
      "nearest_mode '" + nearest_ + "' is not supported");
}

// As ONNX has it: (i + 0.5) n_in / n_out - 0.5 is (2 i n_in + n_in - n_out) / (2 n_out).
ResizeAxis ResizeAttributes::coordinate(int n_in, int n_out) const {
  if (coordinates_ == "asymmetric") return {n_in, 0, n_out};
  if (coordinates_ == "align_corners") return {n_in - 1, 0, std::max(n_out - 1, 1)};
  if (coordinates_ == "pytorch_half_pixel" && n_out == 1) return {0, 0, 1};
  return {2 * n_in, n_in - n_out, 2 * n_out};
}

ResizeAxis ResizeAttributes::axis(int n_in, int n_out) const {
  const ResizeAxis at = coordinate(n_in, n_out);
  if (linear() || nearest_ == "floor") return at;
  if (nearest_ == "ceil") return {at.num, at.offset + at.den - 1, at.den};
  // floor(at + 1/2), and ceil(at - 1/2) = floor((2 at den - den + 2 den - 1) / (2 den)).
  return {2 * at.num, 2 * at.offset + at.den - (nearest_ == "round_prefer_floor"), 2 * at.den};
}

}  // namespace patchskip
