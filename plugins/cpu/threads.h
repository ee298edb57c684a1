// A pool of threads that share a loop. A frame is a few hundred loops of some microseconds each, so workers spin for a
// while before they sleep, and the caller never waits for a worker that has not begun.
#pragma once
#include <cstdint>

namespace patchskip {

// Runs body(context, i) for every i in [0, count), on up to `threads()` threads, in any order.
void parallel_for(int count, void (*body)(void* context, int index), void* context);

template <typename Body>
void parallel_for(int count, Body& body) {
  parallel_for(count, [](void* context, int index) { (*static_cast<Body*>(context))(index); }, &body);
}

int threads();  // of the calling thread's loops
// Of the loops to come, for which sleeping workers get up; 0: the default.
void set_threads(int n);

}  // namespace patchskip
