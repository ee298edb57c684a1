// Vectors of the instruction set that this file is compiled for, written once in GCC's vector extensions.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

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
// A vector of float16 numbers, whose bits they are: where the machine has an instruction for it.
#if defined(__AVX512F__)
constexpr bool kHalves = true;
inline Vec load(const uint16_t* p) {
  return (Vec)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
#elif defined(__AVX2__)
constexpr bool kHalves = true;
inline Vec load(const uint16_t* p) {
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
#elif defined(__aarch64__)
constexpr bool kHalves = true;
inline Vec load(const uint16_t* p) { return (Vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
#else
constexpr bool kHalves = false;
inline Vec load(const uint16_t*) { return Vec{}; }
#endif
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline Vec splat(float s) { return s - Vec{}; }

// The first n lanes; the others read as 0 and are not written.
#if defined(__AVX512F__)
inline Vec load_first(const float* p, int n) { return (Vec)_mm512_maskz_loadu_ps((1u << n) - 1, p); }
inline void store_first(float* p, Vec v, int n) { _mm512_mask_storeu_ps(p, (1u << n) - 1, (__m512)v); }
#elif defined(__AVX2__)
inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load_first(const float* p, int n) { return (Vec)_mm256_maskload_ps(p, first_lanes(n)); }
inline void store_first(float* p, Vec v, int n) { _mm256_maskstore_ps(p, first_lanes(n), (__m256)v); }
#else
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
#endif

// Of a NaN and a number: b, on ARM the NaN, as the machines' instructions have it. Put what may be NaN second.
#if defined(__AVX512F__)
inline Vec min(Vec a, Vec b) { return (Vec)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b); }
inline Vec max(Vec a, Vec b) { return (Vec)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b); }
#elif defined(__AVX2__)
inline Vec min(Vec a, Vec b) { return (Vec)_mm256_min_ps((__m256)a, (__m256)b); }
inline Vec max(Vec a, Vec b) { return (Vec)_mm256_max_ps((__m256)a, (__m256)b); }
#elif defined(__aarch64__)
inline Vec min(Vec a, Vec b) { return (Vec)vminq_f32((float32x4_t)a, (float32x4_t)b); }
inline Vec max(Vec a, Vec b) { return (Vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
#else
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
#endif
inline Vec abs(Vec v) { return (Vec)((IntVec)v & 0x7fffffff); }

// Bit i: is values[i] not 0? For count <= 64.
inline uint64_t nonzero(const int32_t* values, int count) {
  uint64_t bits = 0;
  int i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) {
    const __m512i v = _mm512_loadu_si512(values + i);
    bits |= static_cast<uint64_t>(_mm512_test_epi32_mask(v, v)) << i;
  }
#elif defined(__AVX2__)
  for (; i + 8 <= count; i += 8) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
    const __m256i zero = _mm256_cmpeq_epi32(v, _mm256_setzero_si256());
    bits |= static_cast<uint64_t>(~_mm256_movemask_ps(_mm256_castsi256_ps(zero)) & 0xff) << i;
  }
#endif
#if defined(__AVX512F__)
  if (i < count) {
    const __m512i v = _mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << (count - i)) - 1), values + i);
    bits |= static_cast<uint64_t>(_mm512_test_epi32_mask(v, v)) << i;
  }
#else
  for (; i < count; ++i) bits |= static_cast<uint64_t>(values[i] != 0) << i;
#endif
  return bits;
}

// Which values are not 0, a row after the other: bit i of a row's word j is its value 64 j + i.
inline void mask_bits(const int32_t* mask, int rows, int columns, uint64_t* bits) {
  for (int y = 0; y < rows; ++y, mask += columns) {
    for (int x = 0; x < columns; x += 64) *bits++ = nonzero(mask + x, columns - x < 64 ? columns - x : 64);
  }
}

// The reverse: 1 where the bit is set, else 0.
inline void bits_mask(const uint64_t* bits, int rows, int columns, int32_t* mask) {
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; x += 64) {
      const uint64_t word = *bits++;
      const int count = columns - x < 64 ? columns - x : 64;
#if defined(__AVX512F__)
      for (int i = 0; i < count; i += 16) {
        const __m512i ones = _mm512_maskz_set1_epi32(static_cast<__mmask16>(word >> i), 1);
        const int left = count - i < 16 ? count - i : 16;
        _mm512_mask_storeu_epi32(mask + i, static_cast<__mmask16>((1u << left) - 1), ones);
      }
#else
      for (int i = 0; i < count; ++i) mask[i] = word >> i & 1;
#endif
      mask += count;
    }
  }
}

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

// Functions of several vectors, step by step of all: a processor that waits for the steps of one finds another's.
template <int n, typename Step>
inline void for_each(const Step& step) {
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) step(i);
}

// 2^r for r within half of 0: the polynomial of degree 5 whose largest relative error, 8e-8, is least.
template <int n>
inline void exp2_near_0(Vec (&r)[n]) {
  Vec p[n];
  for_each<n>([&](int i) { p[i] = splat(0.00132764718f) * r[i] + 0.00967554133f; });
  for_each<n>([&](int i) { p[i] = p[i] * r[i] + 0.0555071327f; });
  for_each<n>([&](int i) { p[i] = p[i] * r[i] + 0.240221197f; });
  for_each<n>([&](int i) { p[i] = p[i] * r[i] + 0.693146967f; });
  for_each<n>([&](int i) { r[i] = p[i] * r[i] + 1.00000007f; });
}

// 2^v for v in [-126, 126], clamped to it: the integer part of v goes to the exponent, the rest to the polynomial.
template <int n>
inline void exp2(Vec (&v)[n]) {
  Vec whole[n];
#if defined(__AVX512F__)
  for_each<n>([&](int i) { v[i] = min(splat(126.0f), v[i]); });
  for_each<n>([&](int i) { whole[i] = (Vec)_mm512_maskz_roundscale_ps(0xffff, (__m512)v[i], 0); });
  for_each<n>([&](int i) { v[i] -= whole[i]; });
  exp2_near_0(v);
  for_each<n>([&](int i) { v[i] = (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)v[i], (__m512)whole[i]); });
#else
  for_each<n>([&](int i) { v[i] = min(splat(126.0f), max(splat(-126.0f), v[i])); });
  for_each<n>([&](int i) { whole[i] = v[i] + 12582912.0f; });  // rounds to an integer, in the low bits
  for_each<n>([&](int i) { v[i] -= whole[i] - 12582912.0f; });
  exp2_near_0(v);
  for_each<n>([&](int i) { v[i] = (Vec)((IntVec)v[i] + ((IntVec)whole[i] << 23)); });
#endif
}

// 1 + e^-v
template <int n>
inline void one_and_exp(const Vec (&v)[n], Vec (&result)[n]) {
  for_each<n>([&](int i) { result[i] = v[i] * -1.44269504088896341f; });
  exp2(result);
  for_each<n>([&](int i) { result[i] = 1.0f + result[i]; });
}

// a / b for b in [1, 2^126]. ARM's processors divide a vector in 7 to 36 cycles and do nothing else meanwhile: there
// the reciprocal of 8 bits is refined twice (Newton and Raphson). Elsewhere that takes longer than the division.
template <int n>
inline void divide(Vec (&a)[n], const Vec (&b)[n]) {
#if defined(__aarch64__)
  Vec r[n];
  for_each<n>([&](int i) { r[i] = (Vec)vrecpeq_f32((float32x4_t)b[i]); });
  for_each<n>([&](int i) { r[i] *= (Vec)vrecpsq_f32((float32x4_t)b[i], (float32x4_t)r[i]); });
  for_each<n>([&](int i) { r[i] *= (Vec)vrecpsq_f32((float32x4_t)b[i], (float32x4_t)r[i]); });
  for_each<n>([&](int i) { a[i] *= r[i]; });
#else
  for_each<n>([&](int i) { a[i] = a[i] / b[i]; });
#endif
}

template <int n>
inline void silu(Vec (&v)[n]) {
  Vec divisor[n];
  one_and_exp(v, divisor);
  divide(v, divisor);
}

inline Vec silu(Vec v) {
  Vec one[] = {v};
  silu(one);
  return one[0];
}

inline Vec sigmoid(Vec v) {
  const Vec one[] = {v};
  Vec divisor[1], result[] = {splat(1.0f)};
  one_and_exp(one, divisor);
  divide(result, divisor);
  return result[0];
}

}  // namespace PS_ISA
}  // namespace patchskip
