// Vectors of the instruction set that this file is compiled for, written once in GCC's vector extensions.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define PS_LANES 16
#elif defined(__AVX2__)
#define PS_LANES 8
#else
#define PS_LANES 4
#endif

namespace patchskip {
namespace PS_ISA {

constexpr int kLanes = PS_LANES;
typedef float Vec __attribute__((vector_size(PS_LANES * 4)));
typedef int32_t IntVec __attribute__((vector_size(PS_LANES * 4)));
typedef float UnalignedVec __attribute__((vector_size(PS_LANES * 4), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline Vec splat(float s) { return s - Vec{}; }

// The first n lanes; the others read as 0 and are not written.
inline Vec load_first(const float* p, int n) {
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(float));
  return load(lanes);
}
inline void store_first(float* p, Vec v, int n) {
  float lanes[kLanes];
  store(lanes, v);
  std::memcpy(p, lanes, static_cast<size_t>(n) * sizeof(float));
}

// Of a NaN and a number: b, as the machine's instructions have it. Put what may be NaN second.
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec abs(Vec v) { return (Vec)((IntVec)v & 0x7fffffff); }

inline float sum(Vec v) {
  float lanes[kLanes];
  store(lanes, v);
#pragma GCC unroll 4
  for (int step = kLanes / 2; step > 0; step /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

// e^v to within 2 units in the last place, for v in [-87, 88]; clamped outside.
// Cody and Waite's reduction, Cephes' polynomial.
inline Vec exp(Vec v) {
  v = min(splat(88.0f), max(splat(-87.0f), v));
  const Vec magic = splat(12582912.0f);  // adding it rounds to an integer in the low bits
  const Vec shifted = v * 1.44269504088896341f + magic;
  const Vec n = shifted - magic;
  Vec r = v - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return (Vec)((IntVec)p + ((IntVec)shifted << 23));
}

inline Vec sigmoid(Vec v) { return 1.0f / (1.0f + exp(-v)); }

}  // namespace PS_ISA
}  // namespace patchskip
