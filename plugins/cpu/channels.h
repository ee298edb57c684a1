// Loops over the channels of a pixel, a vector at a time.
#pragma once
#include <cstddef>

#include "simd.h"

namespace patchskip {
namespace PS_ISA {

inline int clamp_to(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

struct Whole {
  Vec read(const float* p) const { return load(p); }
  void write(float* p, Vec v) const { store(p, v); }
};

// The last vector, when the channels do not fill it.
struct Part {
  int lanes;
  Vec read(const float* p) const { return load_first(p, lanes); }
  void write(float* p, Vec v) const { store_first(p, v, lanes); }
};

// Runs body(c, lanes) for each vector of `count` channels: `lanes` reads and writes it, and is of another type for a
// part than for a whole, so that the whole ones pay nothing.
template <typename Body>
inline void for_each_vector(ptrdiff_t count, const Body& body) {
  ptrdiff_t c = 0;
  for (; c + kLanes <= count; c += kLanes) body(c, Whole());
  if (c < count) body(c, Part{static_cast<int>(count - c)});
}

}  // namespace PS_ISA
}  // namespace patchskip
