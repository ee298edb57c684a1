// Loops over the channels of the active pixels: a thread takes four of a pixel at a time, or one where the tensor's
// channels are no multiple of four.
#pragma once
#include "active.cuh"
#include "finish.cuh"

namespace patchskip {
namespace cuda {

// Of a pixel's channels, n that a thread takes together.
template <int n>
struct Channels;

template <>
struct Channels<4> {
  template <typename T>
  PS_DEVICE Vec<4> load(const T* p) {
    return load4(p);
  }
  template <typename T>
  PS_DEVICE void store(const Vec<4>& values, T* p) {
    store4(p, values);
  }
  // Finishes values of channel `channel` and those behind it, which lie at place `at` of the tensor, and stores them.
  template <typename T>
  PS_DEVICE void finish(const Finish& f, const Vec<4>& values, int channel, long long at, T* out) {
    store4(out + at, finished<T>(f, values, channel, at));
  }
};

template <>
struct Channels<1> {
  template <typename T>
  PS_DEVICE Vec<1> load(const T* p) {
    return {{cuda::load(p)}};
  }
  template <typename T>
  PS_DEVICE void store(const Vec<1>& value, T* p) {
    cuda::store(p, value.v[0]);
  }
  template <typename T>
  PS_DEVICE void finish(const Finish& f, const Vec<1>& value, int channel, long long at, T* out) {
    cuda::store(out + at, finished<T>(f, value.v[0], channel, at));
  }
};

template <int n>
PS_DEVICE void add_product(Vec<n>* sum, const Vec<n>& a, const Vec<n>& b) {
#pragma unroll
  for (int i = 0; i < n; ++i) sum->v[i] += a.v[i] * b.v[i];
}

// The place of a value in a tensor [1, height, width, channels].
PS_DEVICE long long index_of(int y, int x, int width, int channels, int channel) {
  return (static_cast<long long>(y) * width + x) * channels + channel;
}
PS_DEVICE long long index_of(const Place& place, int width, int channels, int channel) {
  return index_of(place.y, place.x, width, channels, channel);
}

// Runs body(place, channel) for every active pixel of the grid and every n of its channels, of which `channel` is the
// first. by_vectors: by the number of these.
template <int n, typename Body>
PS_DEVICE void for_each_vector(const Grid& grid, const Divisor& by_vectors, const Body& body) {
  const ActiveSet set = rank_active(grid);
  const int vectors = by_vectors.divisor;
  const int slots = set.count * static_cast<int>(grid.by_area.divisor);
  const int first = first_unit(slots, block_index()) * vectors, last = first_unit(slots, block_index() + 1) * vectors;
  for (int i = first + thread_index(); i < last; i += thread_count()) {
    const int slot = by_vectors.quotient(i);
    const Place place = place_of_slot(grid, set, slot);
    if (place.inside) body(place, (i - slot * vectors) * n);
  }
}

}  // namespace cuda
}  // namespace patchskip
