// Tensor cores: products of 16 x 16 matrices by a warp, from capability 7.0 on; and copies from memory to shared memory
// in the background, from 8.0 on. All that is PTX, and the emulation cannot run, is here and in device.h.
#pragma once
#include "device.h"

#ifdef PS_EMULATION
#define PS_TENSOR_CORES 1
#include "cuda/emulation/tensor_core.h"
#else

#define PS_TENSOR_CORES (__CUDA_ARCH__ >= 700)

namespace patchskip {
namespace cuda {

// A warp's share of a 16 x 16 matrix; which lane has what is the hardware's affair.
struct HalfMatrix {
  unsigned v[8];
};
struct SumMatrix {
  float v[8];
};

PS_DEVICE unsigned shared_address(const void* p) {
  unsigned address;
  asm("{ .reg .u64 wide; cvta.to.shared.u64 wide, %1; cvt.u32.u64 %0, wide; }" : "=r"(address) : "l"(p));
  return address;
}

#if PS_TENSOR_CORES
// `rows` of shared memory, `pitch` values apart: a multiple of 8, as nvcuda::wmma asks. PTX's own text asks for 16;
// what is made of it for sm_75 to 120 reads a row by 16 bytes. On sm_70 and 72 that has not been looked at.
#define PS_LOAD_MATRIX(which)                                                                                          \
  asm volatile("wmma.load." which ".sync.aligned.row.m16n16k16.shared.f16 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8], %9;" \
               : "=r"(to->v[0]), "=r"(to->v[1]), "=r"(to->v[2]), "=r"(to->v[3]), "=r"(to->v[4]), "=r"(to->v[5]),       \
                 "=r"(to->v[6]), "=r"(to->v[7])                                                                        \
               : "r"(shared_address(rows)), "r"(pitch)                                                                 \
               : "memory")

PS_DEVICE void load_left(const half* rows, int pitch, HalfMatrix* to) { PS_LOAD_MATRIX("a"); }
PS_DEVICE void load_right(const half* rows, int pitch, HalfMatrix* to) { PS_LOAD_MATRIX("b"); }

#undef PS_LOAD_MATRIX

PS_DEVICE void add_product(const HalfMatrix& left, const HalfMatrix& right, SumMatrix* sum) {
  const unsigned *a = left.v, *b = right.v;
  float* c = sum->v;
  asm("wmma.mma.sync.aligned.row.row.m16n16k16.f32.f32 {%0, %1, %2, %3, %4, %5, %6, %7}, "
      "{%8, %9, %10, %11, %12, %13, %14, %15}, {%16, %17, %18, %19, %20, %21, %22, %23}, "
      "{%0, %1, %2, %3, %4, %5, %6, %7};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b[0]), "r"(b[1]),
        "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]), "r"(b[7]));
}

PS_DEVICE void store_sums(const SumMatrix& sum, float* rows, int pitch) {
  const float* c = sum.v;
  asm volatile("wmma.store.d.sync.aligned.row.m16n16k16.shared.f32 [%0], {%1, %2, %3, %4, %5, %6, %7, %8}, %9;"
               :
               : "r"(shared_address(rows)), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]), "f"(c[4]), "f"(c[5]), "f"(c[6]),
                 "f"(c[7]), "r"(pitch)
               : "memory");
}
#endif

// Eight halves on their way to shared memory. They are there when both begin and end have been called for them, and
// then wait_copies and a barrier.
struct Copy {
#if __CUDA_ARCH__ < 800
  uint4 bits;
#endif
};

#if __CUDA_ARCH__ >= 800
// from: null for zeros.
PS_DEVICE void begin_copy(const half* from, half* to, Copy*) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(to)), "l"(from), "r"(from ? 16 : 0)
               : "memory");
}
PS_DEVICE void end_copy(const Copy&, half*) {}
// What has begun since the last call is a group.
PS_DEVICE void group_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most `kLeft` groups are under way.
template <int kLeft>
PS_DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}
#else
PS_DEVICE void begin_copy(const half* from, half*, Copy* copy) {
  copy->bits = from ? __ldg(reinterpret_cast<const uint4*>(from)) : make_uint4(0, 0, 0, 0);
}
PS_DEVICE void end_copy(const Copy& copy, half* to) { *reinterpret_cast<uint4*>(to) = copy.bits; }
PS_DEVICE void group_copies() {}
template <int kLeft>
PS_DEVICE void wait_copies() {}
#endif

}  // namespace cuda
}  // namespace patchskip
#endif
