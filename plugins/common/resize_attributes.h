// The attributes mode, coordinate_transformation_mode and nearest_mode of Resize.
#pragma once
#include "common/attributes.h"
#include "common/resize_axis.h"

namespace patchskip {

class ResizeAttributes {
 public:
  explicit ResizeAttributes(const Attributes&);

  bool linear() const { return mode_ == "linear"; }
  ResizeAxis axis(int n_in, int n_out) const;

 private:
  ResizeAxis coordinate(int n_in, int n_out) const;

  const std::string mode_, coordinates_, nearest_;
};

}  // namespace patchskip
