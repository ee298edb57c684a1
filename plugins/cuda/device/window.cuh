// The taps of a window that meet the tensor, along one of its axes.
#pragma once
#include "device.h"

namespace patchskip {
namespace cuda {

// Taps tap, tap + tap_step ... read the pixels at, at + at_step ...
struct Taps {
  int count, tap, tap_step, at, at_step;
};

// Of a transposed convolution: a tap reads a pixel only where the stride divides its distance.
PS_DEVICE Taps transposed_taps_of(int pixel, int kernel, int stride, int dilation, int pad, int size) {
  const int from = pixel + pad;
  int first = 0, step = 1, count = 0;
  while (first < kernel && ((from - first * dilation) % stride != 0 || from - first * dilation >= size * stride)) {
    ++first;
  }
  while (step * dilation % stride) ++step;
  for (int tap = first; tap < kernel && from - tap * dilation >= 0; tap += step) ++count;
  return {count, first, step, (from - first * dilation) / stride, -(step * dilation / stride)};
}

// Of output pixel `pixel`, in `size` pixels of input.
PS_DEVICE Taps taps_of(int pixel, int kernel, int stride, int dilation, int pad, int size, bool transposed = false) {
  if (transposed) return transposed_taps_of(pixel, kernel, stride, dilation, pad, size);
  const int from = pixel * stride - pad;
  int first = 0, end = kernel;
  while (first < end && from + first * dilation < 0) ++first;
  while (end > first && from + (end - 1) * dilation >= size) --end;
  return {end - first, first, 1, from + first * dilation, dilation};
}

}  // namespace cuda
}  // namespace patchskip
