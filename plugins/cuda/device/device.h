// The names that kernels use for the GPU, so that the same source also compiles as C++ for the emulation. Whatever the
// memory holds, float32 or float16, kernels compute in float32: `load` and `store` convert.
#pragma once
#include "params.h"
#include "values.h"

#ifdef PS_EMULATION
#include "cuda/emulation/device.h"
#else

#define PS_DEVICE static __device__ __forceinline__
#define PS_SHARED __shared__

namespace patchskip {
namespace cuda {

constexpr unsigned kWholeWarp = 0xffffffffu;

PS_DEVICE int thread_index() { return threadIdx.x; }
PS_DEVICE int thread_count() { return blockDim.x; }
PS_DEVICE int block_index() { return blockIdx.x; }
PS_DEVICE int block_count() { return gridDim.x; }

PS_DEVICE void sync_threads() { __syncthreads(); }
PS_DEVICE unsigned ballot(bool value) { return __ballot_sync(kWholeWarp, value); }
PS_DEVICE int shuffle(int value, int lane) { return __shfl_sync(kWholeWarp, value, lane); }
PS_DEVICE int shuffle_up(int value, int lanes) { return __shfl_up_sync(kWholeWarp, value, lanes); }
PS_DEVICE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(kWholeWarp, value, mask); }
PS_DEVICE int bits_set(unsigned bits) { return __popc(bits); }
// Of a few units in the last place: activations need no more.
PS_DEVICE float exponential(float x) { return __expf(x); }
PS_DEVICE float quotient(float a, float b) { return __fdividef(a, b); }
PS_DEVICE float infinity() { return __int_as_float(0x7f800000); }
PS_DEVICE float multiply_rounded(float a, float b) { return __fmul_rn(a, b); }  // never part of a fused operation
PS_DEVICE float add_rounded(float a, float b) { return __fadd_rn(a, b); }

// The block's shared memory whose size is given at launch; what has a fixed size is declared PS_SHARED.
PS_DEVICE char* dynamic_shared() {
  extern __shared__ __align__(128) char patchskip_dynamic_shared[];
  return patchskip_dynamic_shared;
}

PS_DEVICE float from_bits(unsigned short bits) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(bits));
  return result;
}

PS_DEVICE unsigned short to_bits(float value) {
  unsigned short result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
  return result;
}

// Of memory that no thread writes while the kernel runs.
PS_DEVICE float load(const float* p) { return __ldg(p); }
PS_DEVICE float load(const half* p) { return from_bits(__ldg(&p->bits)); }
PS_DEVICE int load(const int* p) { return __ldg(p); }
PS_DEVICE int load(const unsigned char* p) { return __ldg(p); }

// Aligned to four values.
PS_DEVICE Vec4 load4(const float* p) {
  const float4 f = __ldg(reinterpret_cast<const float4*>(p));
  return {{f.x, f.y, f.z, f.w}};
}
PS_DEVICE Vec4 load4(const half* p) {
  const ushort4 h = __ldg(reinterpret_cast<const ushort4*>(p));
  return {{from_bits(h.x), from_bits(h.y), from_bits(h.z), from_bits(h.w)}};
}

// Values as memory holds them: asked for early, converted late.
template <typename T, int kCount>
struct Raw;
template <>
struct Raw<float, 1> {
  float bits;
};
template <>
struct Raw<half, 1> {
  unsigned short bits;
};
template <>
struct Raw<float, 4> {
  float4 bits;
};
template <>
struct Raw<half, 4> {
  uint2 bits;
};
PS_DEVICE void load_raw(const float* p, Raw<float, 1>* to) { to->bits = __ldg(p); }
PS_DEVICE void load_raw(const half* p, Raw<half, 1>* to) { to->bits = __ldg(&p->bits); }
PS_DEVICE void load_raw(const float* p, Raw<float, 4>* to) { to->bits = __ldg(reinterpret_cast<const float4*>(p)); }
PS_DEVICE void load_raw(const half* p, Raw<half, 4>* to) { to->bits = __ldg(reinterpret_cast<const uint2*>(p)); }
PS_DEVICE Vec<1> values(const Raw<float, 1>& raw) { return {{raw.bits}}; }
PS_DEVICE Vec<1> values(const Raw<half, 1>& raw) { return {{from_bits(raw.bits)}}; }
PS_DEVICE Vec4 values(const Raw<float, 4>& raw) { return {{raw.bits.x, raw.bits.y, raw.bits.z, raw.bits.w}}; }
PS_DEVICE Vec4 values(const Raw<half, 4>& raw) {
  const unsigned low = raw.bits.x, high = raw.bits.y;
  return {{from_bits(low & 0xffff), from_bits(low >> 16), from_bits(high & 0xffff), from_bits(high >> 16)}};
}

// Of memory that the kernel also writes, and of shared memory.
PS_DEVICE float read(const float* p) { return *p; }
PS_DEVICE float read(const half* p) { return from_bits(p->bits); }
PS_DEVICE Vec4 read4(const float* p) {
  const float4 f = *reinterpret_cast<const float4*>(p);
  return {{f.x, f.y, f.z, f.w}};
}
PS_DEVICE Vec4 read4(const half* p) {
  const ushort4 h = *reinterpret_cast<const ushort4*>(p);
  return {{from_bits(h.x), from_bits(h.y), from_bits(h.z), from_bits(h.w)}};
}
// Values side by side, aligned to all of them.
PS_DEVICE void read_run(const float* p, Vec<2>* to) {
  const float2 f = *reinterpret_cast<const float2*>(p);
  *to = {{f.x, f.y}};
}
PS_DEVICE void read_run(const float* p, Vec<4>* to) { *to = read4(p); }

PS_DEVICE void store(float* p, float value) { *p = value; }
PS_DEVICE void store(half* p, float value) { p->bits = to_bits(value); }
PS_DEVICE void store4(float* p, const Vec4& f) {
  *reinterpret_cast<float4*>(p) = make_float4(f.v[0], f.v[1], f.v[2], f.v[3]);
}
PS_DEVICE void store4(half* p, const Vec4& f) {
  *reinterpret_cast<ushort4*>(p) = make_ushort4(to_bits(f.v[0]), to_bits(f.v[1]), to_bits(f.v[2]), to_bits(f.v[3]));
}

}  // namespace cuda
}  // namespace patchskip
#endif

namespace patchskip {
namespace cuda {

// array[index] of a kernel's parameters, of which the first `used` may be meant. An index that is known at run time
// only would make a compiler of CUDA 10 copy all parameters to the stack of each thread.
template <int count, typename T>
PS_DEVICE T chosen(const T (&array)[count], int index, int used) {
  T found = array[0];
#pragma unroll
  for (int i = 1; i < count; ++i) {
    if (i >= used) break;
    if (i == index) found = array[i];
  }
  return found;
}

}  // namespace cuda
}  // namespace patchskip
