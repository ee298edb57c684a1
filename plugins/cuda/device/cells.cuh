// The cells of a patch, compared by one warp. Sums are added up in an order that depends on the node alone: lanes take
// channels, and where these are few, several lanes the rows of a channel.
#pragma once
#include "cells_params.h"
#include "device.h"

namespace patchskip {
namespace cuda {

struct Area {
  int top, left, bottom, right;
};

PS_DEVICE int lesser(int a, int b) { return a < b ? a : b; }
PS_DEVICE float magnitude(float v) { return v < 0 ? -v : v; }

PS_DEVICE Area patch_area(const Grid& g, int patch) {
  const int row = g.by_columns.quotient(patch), top = row * g.patch, left = (patch - row * g.columns) * g.patch;
  return {top, left, lesser(top + g.patch, g.height), lesser(left + g.patch, g.width)};
}

// Of the sums of neighbouring `lanes`, a power of two.
PS_DEVICE float sum_of_lanes(float value, int lanes) {
  for (int reach = lanes / 2; reach; reach /= 2) value += shuffle_xor(value, reach);
  return value;
}

// For every n channels: body(channel, sums), called by one lane, with the sums over the area of add(sums, y, x,
// channel).
template <int n, typename Add, typename Body>
PS_DEVICE void sum_channels(const Cells& cells, const Area& area, const Add& add, const Body& body) {
  const int lane = thread_index() % 32, part = lane % cells.parts, together = 32 / cells.parts * n;
  for (int first = 0; first < cells.channels; first += together) {
    const int channel = first + lane / cells.parts * n;
    const bool inside = channel < cells.channels;
    float sums[n] = {};
    for (int y = area.top + part; inside && y < area.bottom; y += cells.parts) {
      for (int x = area.left; x < area.right; ++x) add(sums, y, x, channel);
    }
#pragma unroll
    for (int i = 0; i < n; ++i) sums[i] = sum_of_lanes(sums[i], cells.parts);
    if (inside && part == 0) body(channel, sums);
  }
}

// body(cell) for each cell of the patch, up to the first for which it is true -> is it for any?
template <typename Body>
PS_DEVICE bool any_cell(const Cells& cells, const Area& patch, const Body& body) {
  for (int y = patch.top; y < patch.bottom; y += cells.side) {
    for (int x = patch.left; x < patch.right; x += cells.side) {
      if (body(Area{y, x, lesser(y + cells.side, patch.bottom), lesser(x + cells.side, patch.right)})) return true;
    }
  }
  return false;
}

// What the difference of a channel adds to that of its cell.
PS_DEVICE float weighted(const Cells& cells, int channel, float difference) {
  return cells.weights ? load(cells.weights + channel) * magnitude(difference) : magnitude(difference);
}

// The sum over channels of a cell's differences, in all lanes.
PS_DEVICE bool beyond_threshold(const Cells& cells, float differences) {
  return !(differences <= cells.threshold * static_cast<float>(cells.channels));
}

}  // namespace cuda
}  // namespace patchskip
