// The window of input pixels that a convolution or a pool reads. CUDA kernels include it: no header of the standard
// library.
#pragma once

namespace patchskip {

struct Window {
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
};

}  // namespace patchskip
