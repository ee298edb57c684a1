// What the convolutions by matrix product have in common: units of work, the pixels of a tile, the way through a
// pixel's sum, and what becomes of a tile's sums.
#pragma once
#include "active.cuh"
#include "conv_params.h"
#include "finish.cuh"

namespace patchskip {
namespace cuda {

constexpr int kNowhere = 1 << 28;  // a row that no tensor has, also after a kernel's reach is added

// A tile of pixels, all of one phase, by a tile of channels.
struct ConvUnit {
  int tile, row_phase, column_phase, group;
  int channel;            // the first, within the group
  int taps_y, taps_x;     // of the phase
  int first_term, terms;  // of the phase, in the group's weights
};

PS_DEVICE int split(const Divisor& by, int* n) {
  const int quotient = by.quotient(*n), rest = *n - quotient * static_cast<int>(by.divisor);
  *n = quotient;
  return rest;
}

PS_DEVICE ConvPhase phase_of(const ConvAxis& a, int phase) {
  return chosen(a.phases, phase, static_cast<int>(a.by_step.divisor));
}

PS_DEVICE int conv_slots(const ConvParams& p, const ActiveSet& set) {
  return set.count * static_cast<int>(p.by_area.divisor);
}

// Of a group's channels.
template <typename Tile>
PS_DEVICE int channel_tiles(const ConvParams& p) {
  return (p.outputs + Tile::kChannels - 1) / Tile::kChannels;
}

template <typename Tile>
PS_DEVICE int conv_units(const ConvParams& p, int slots) {
  const int parts = static_cast<int>(p.by_groups.divisor * p.x.by_step.divisor * p.y.by_step.divisor);
  return (slots + Tile::kPixels - 1) / Tile::kPixels * channel_tiles<Tile>(p) * parts;
}

// How many of the slots, from the first one on, go to large tiles. Those that fill them, and the rest as well where
// small tiles would take longer; but none where the GPU would be more than half idle. A sum is the same in either.
template <typename Tiles>
PS_DEVICE int large_slots(const ConvParams& p, int slots) {
  typedef typename Tiles::Large Large;
  const int rest = slots % Large::kPixels, full = slots - rest;
  if (rest * Tiles::kSmallCost > Large::kPixels && conv_units<Large>(p, slots) >= p.enough) return slots;
  const int units = conv_units<Large>(p, full) + conv_units<typename Tiles::Small>(p, rest);
  return units > p.enough / 2 ? full : 0;
}

template <typename Tile>
PS_DEVICE ConvUnit conv_unit(const ConvParams& p, int index) {
  ConvUnit u;
  const int across = channel_tiles<Tile>(p), rest = index / across;
  u.channel = (index - rest * across) * Tile::kChannels;
  index = rest;
  u.group = split(p.by_groups, &index);
  u.column_phase = split(p.x.by_step, &index);
  u.row_phase = split(p.y.by_step, &index);
  u.tile = index;
  const ConvPhase rows = phase_of(p.y, u.row_phase), columns = phase_of(p.x, u.column_phase);
  u.taps_y = rows.taps;
  u.taps_x = columns.taps;
  u.first_term = (rows.before * p.x.taps + rows.taps * columns.before) * p.terms;
  u.terms = rows.taps * columns.taps * p.terms;
  return u;
}

// Of the rows of a phase, the one `index` places behind the first that is not before row `first`.
PS_DEVICE int conv_row(const ConvAxis& a, int phase, int first, int index, int* in) {
  const int step = a.by_step.divisor;
  const int j = a.by_step.quotient(first + a.shift + step - 1 - phase) + index;
  *in = j * a.stride + phase_of(a, phase).origin;
  return j * step + phase - a.shift;
}

PS_DEVICE ConvPlace conv_place(const ConvParams& p, const ConvUnit& u, const ActiveSet& set, int slot) {
  const Grid& g = p.grid;
  const ConvPlace none = {kNowhere, 0, 0, -1};
  int rank = slot;
  int right = split(p.by_area, &rank);
  if (rank >= set.count) return none;
  const int down = p.by_width.quotient(right);
  right -= down * static_cast<int>(p.by_width.divisor);
  int top = patch_of_rank(set, rank);
  int left = split(g.by_columns, &top);
  top *= g.patch;
  left *= g.patch;
  ConvPlace place;
  const int y = conv_row(p.y, u.row_phase, top, down, &place.y);
  const int x = conv_row(p.x, u.column_phase, left, right, &place.x);
  if (y >= g.height || y >= top + g.patch || x >= g.width || x >= left + g.patch) return none;
  place.pixel = place.y * p.in_width + place.x;
  place.out = y * g.width + x;
  return place;
}

// What a block computes with one kind of tiles.
struct ConvShare {
  const char* ranked;  // what rank_active has found
  int first, last;     // slots, of all blocks
  int block;           // this one, or its number from the end
};

// Runs body(unit) for the block's share of the work, with the tile's places in `places`. For all threads of the block;
// body begins and ends with all of them.
template <typename Tile, typename Body>
PS_DEVICE void for_each_unit(const ConvParams& p, const ConvShare& share, ConvPlace* places, const Body& body) {
  const int units = conv_units<Tile>(p, share.last - share.first);
  const int first = first_unit(units, share.block), last = first_unit(units, share.block + 1);
  for (int index = first; index < last; ++index) {
    const ConvUnit u = conv_unit<Tile>(p, index);
    if (index == first || (u.channel == 0 && u.group == 0)) {
      const ActiveSet set = active_set(p.grid, share.ranked);
      for (int i = thread_index(); i < Tile::kPixels; i += thread_count()) {
        places[i] = conv_place(p, u, set, share.first + u.tile * Tile::kPixels + i);
      }
      sync_threads();
    }
    body(u);
  }
}

// Of large tiles, and of small ones, which are dealt out from the last block on: so they come to blocks that have a
// large one less.
template <typename Tiles>
PS_DEVICE ConvShare large_share(const ConvParams& p, const char* ranked) {
  return {ranked, 0, large_slots<Tiles>(p, conv_slots(p, active_set(p.grid, ranked))), block_index()};
}
template <typename Tiles>
PS_DEVICE ConvShare small_share(const ConvParams& p, const char* ranked) {
  const int slots = conv_slots(p, active_set(p.grid, ranked));
  return {ranked, large_slots<Tiles>(p, slots), slots, block_count() - 1 - block_index()};
}

// The terms of a pixel's sum are its sources' taps' channels, the channels first. A thread reads every so many of them:
// where the next ones lie, without a division.
template <typename T>
struct Walk {
  const T* x;
  int source, pitch, channels;
  int tap_y, tap_x, channel;
  int dy, dx;  // of the tap, from a place
};

template <typename T>
PS_DEVICE void open_source(const ConvParams& p, const ConvUnit& u, int source, Walk<T>* w) {
  const ConvSource from = chosen(p.sources, source, p.n_sources);
  w->x = static_cast<const T*>(from.x) + u.group * from.channels;
  w->source = source;
  w->pitch = from.pitch;
  w->channels = from.channels;
  w->tap_y = w->tap_x = w->dy = w->dx = 0;
}

template <typename T>
PS_DEVICE void advance(const ConvParams& p, const ConvUnit& u, int terms, Walk<T>* w) {
  w->channel += terms;
  while (w->channel >= w->channels) {
    w->channel -= w->channels;
    if (++w->tap_x == u.taps_x) {
      w->tap_x = 0;
      if (++w->tap_y == u.taps_y) {
        if (w->source + 1 == p.n_sources) {
          w->dy = kNowhere;  // what follows in the weights is not this sum's
          w->channels = kNowhere;
          return;
        }
        open_source(p, u, w->source + 1, w);
      }
    }
    w->dy = w->tap_y * p.y.dilation;
    w->dx = w->tap_x * p.x.dilation;
  }
}

// At term `first`.
template <typename T>
PS_DEVICE Walk<T> start_walk(const ConvParams& p, const ConvUnit& u, int first) {
  Walk<T> w;
  open_source(p, u, 0, &w);
  w.channel = 0;
  advance(p, u, first, &w);
  return w;
}

template <typename T>
PS_DEVICE bool is_inside(const ConvParams& p, const Walk<T>& w, const ConvPlace& place) {
  return static_cast<unsigned>(place.y + w.dy) < static_cast<unsigned>(p.in_height) &&
         static_cast<unsigned>(place.x + w.dx) < static_cast<unsigned>(p.in_width);
}

template <typename T>
PS_DEVICE const T* address(const ConvParams& p, const Walk<T>& w, const ConvPlace& place) {
  return w.x + ((place.pixel + w.dy * p.in_width + w.dx) * w.pitch + w.channel);
}

// Of the unit's first term and channel.
template <typename T>
PS_DEVICE const T* weights_of(const ConvParams& p, const ConvUnit& u) {
  const long long term = static_cast<long long>(u.group) * p.y.taps * p.x.taps * p.terms + u.first_term;
  return static_cast<const T*>(p.weights) + term * p.padded + u.channel;
}

// Of shared memory.
PS_DEVICE void add_values(const float* p, Vec<1>* to) { to->v[0] += *p; }
PS_DEVICE void add_values(const float* p, Vec<4>* to) {
  const Vec4 more = read4(p);
#pragma unroll
  for (int i = 0; i < 4; ++i) to->v[i] += more.v[i];
}
template <typename T>
PS_DEVICE void store_values(T* p, const Vec<1>& values) {
  store(p, values.v[0]);
}
template <typename T>
PS_DEVICE void store_values(T* p, const Vec<4>& values) {
  store4(p, values);
}

// n channels of every so many rows, of which four at a time.
template <int n, typename T, typename Tile>
PS_DEVICE void finish_columns(const ConvParams& p, const ConvUnit& u, const ConvPlace* places, const float* sums,
                              int rows) {
  constexpr int kAcross = Tile::kChannels / n, kDown = Tile::kThreads / kAcross, kTogether = 4;
  static_assert(Tile::kThreads % kAcross == 0, "a thread has one column");
  const int column = thread_index() % kAcross * n, channel = u.group * p.outputs + u.channel + column;
  if (u.channel + column >= p.outputs) return;
  const int pitch = p.outputs * static_cast<int>(p.by_groups.divisor);
  T* const out = static_cast<T*>(p.out);
  Vec<n> bias;
  load_values(p.bias + channel, &bias);
  for (int first = thread_index() / kAcross; first < rows; first += kTogether * kDown) {
    long long at[kTogether];
    Vec<n> values[kTogether];
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int row = first + i * kDown, pixel = row < rows ? places[row].out : -1;
      at[i] = pixel < 0 ? -1 : static_cast<long long>(pixel) * pitch + channel;
      values[i] = bias;
      if (pixel >= 0) add_values(sums + row * Tile::kChannels + column, &values[i]);
    }
    finish<T>(p.finish, channel, at, values);
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      if (at[i] >= 0) store_values(out + at[i], values[i]);
    }
  }
}

// Sums [rows][kChannels] in shared memory to the output. For all threads of the block; begins and ends with a barrier.
template <typename T, typename Tile>
PS_DEVICE void finish_rows(const ConvParams& p, const ConvUnit& u, const ConvPlace* places, const float* sums,
                           int rows) {
  sync_threads();
  if (p.outputs % 4) {
    finish_columns<1, T, Tile>(p, u, places, sums, rows);
  } else {
    finish_columns<4, T, Tile>(p, u, places, sums, rows);
  }
  sync_threads();
}

}  // namespace cuda
}  // namespace patchskip
