// Which input pixel an output pixel of Resize reads, along one axis. CUDA kernels include it: no header of the standard
// library.
#pragma once

namespace patchskip {

// Output pixel i reads input floor((i * num + offset) / den) and, when linear, in the share of the remainder the next
// one. In whole numbers: where a coordinate lies exactly between two pixels, every machine takes the same.
struct ResizeAxis {
  int num, offset, den;
};

}  // namespace patchskip
