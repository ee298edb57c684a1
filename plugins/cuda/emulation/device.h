// The names of device/device.h on the host: what a kernel compiled as C++ runs on. Threads are fibers (fibers.h).
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "common/half.h"
#include "cuda/emulation/fibers.h"

#define PS_DEVICE static inline
#define PS_SHARED static  // blocks run one after the other

namespace patchskip {
namespace cuda {

PS_DEVICE int thread_index() { return emulation::current().thread; }
PS_DEVICE int thread_count() { return emulation::current().threads; }
PS_DEVICE int block_index() { return emulation::current().block; }
PS_DEVICE int block_count() { return emulation::current().blocks; }
PS_DEVICE char* dynamic_shared() { return emulation::current().shared; }

PS_DEVICE void sync_threads() { emulation::wait_for_block(); }

PS_DEVICE unsigned ballot(bool value) {
  const char* lanes = emulation::exchange(&value, sizeof(value));
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<unsigned>(lanes[i * emulation::kMostExchanged] != 0) << i;
  return bits;
}

template <typename T>
PS_DEVICE T from_lane(T value, int lane) {
  T result;
  std::memcpy(&result, emulation::exchange(&value, sizeof(T)) + lane * emulation::kMostExchanged, sizeof(T));
  return result;
}
PS_DEVICE int shuffle(int value, int lane) { return from_lane(value, lane % 32); }
PS_DEVICE int shuffle_up(int value, int lanes) {
  const int lane = thread_index() % 32;
  return from_lane(value, lane >= lanes ? lane - lanes : lane);
}
PS_DEVICE float shuffle_xor(float value, int mask) { return from_lane(value, (thread_index() % 32) ^ mask); }
PS_DEVICE int bits_set(unsigned bits) { return __builtin_popcount(bits); }
PS_DEVICE float exponential(float x) { return std::exp(x); }
PS_DEVICE float infinity() { return INFINITY; }
PS_DEVICE float multiply_rounded(float a, float b) {
  const volatile float product = a * b;  // no compiler fuses it with an addition
  return product;
}
PS_DEVICE float add_rounded(float a, float b) { return a + b; }
PS_DEVICE float quotient(float a, float b) { return a / b; }

PS_DEVICE float from_bits(unsigned short bits) { return float_of_half(bits); }
PS_DEVICE unsigned short to_bits(float value) { return half_of_float(value); }

PS_DEVICE float load(const float* p) { return *p; }
PS_DEVICE float load(const half* p) { return from_bits(p->bits); }
PS_DEVICE int load(const int* p) { return *p; }
PS_DEVICE int load(const unsigned char* p) { return *p; }

template <int n, typename T>
PS_DEVICE T* aligned(T* p) {
  if (reinterpret_cast<uintptr_t>(p) % (n * sizeof(T))) emulation::fail("values side by side are not aligned");
  return p;
}
template <typename T>
PS_DEVICE T* aligned4(T* p) {
  return aligned<4>(p);
}

template <typename T>
PS_DEVICE Vec4 load4(const T* p) {
  aligned4(p);
  return {{load(p), load(p + 1), load(p + 2), load(p + 3)}};
}

template <typename T, int kCount>
struct Raw {
  T v[kCount];
};
template <typename T>
PS_DEVICE void load_raw(const T* p, Raw<T, 1>* to) {
  to->v[0] = *p;
}
template <typename T>
PS_DEVICE void load_raw(const T* p, Raw<T, 4>* to) {
  std::memcpy(to->v, aligned4(p), sizeof(to->v));
}
template <typename T>
PS_DEVICE Vec<1> values(const Raw<T, 1>& raw) {
  return {{load(raw.v)}};
}
template <typename T>
PS_DEVICE Vec4 values(const Raw<T, 4>& raw) {
  return {{load(raw.v), load(raw.v + 1), load(raw.v + 2), load(raw.v + 3)}};
}

template <typename T>
PS_DEVICE float read(const T* p) {
  return load(p);
}
template <typename T>
PS_DEVICE Vec4 read4(const T* p) {
  return load4(p);
}
template <int n>
PS_DEVICE void read_run(const float* p, Vec<n>* to) {
  std::memcpy(to->v, aligned<n>(p), sizeof(to->v));
}

PS_DEVICE void store(float* p, float value) { *p = value; }
PS_DEVICE void store(half* p, float value) { p->bits = to_bits(value); }
template <typename T>
PS_DEVICE void store4(T* p, const Vec4& f) {
  aligned4(p);
  for (int i = 0; i < 4; ++i) store(p + i, f.v[i]);
}

}  // namespace cuda
}  // namespace patchskip
