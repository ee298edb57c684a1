// PatchSkip: active patches are computed, those that changed are committed, everything else stays as it was.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "blocks.h"
#include "common/finish_attributes.h"
#include "common/gate_attributes.h"
#include "computation.h"
#include "flatten.h"
#include "planes.h"
#include "threads.h"

namespace patchskip {
namespace {

constexpr int kUnitValues = 12288;  // of a unit's result at most: with its inputs it stays in the second-level cache
constexpr int kMostUnitPixels = 2048;
constexpr int kLeastUnitPixels = 12;  // a tile of the convolution
constexpr int kUnitsOfAThread = 5;
constexpr double kWorthAThread = 3e2;  // vector instructions: with all that stands around them, a microsecond

class PatchSkip : public Operator {
 public:
  PatchSkip(const std::string& op_type, std::unique_ptr<Computation> computation, const Attributes& a)
      : kernels_(best_kernels()),
        op_type_(op_type),
        computation_(std::move(computation)),
        finish_(a),
        gate_("PatchSkip " + op_type_ + ": ", a),
        patch_(gate_.patch),
        shape_(a.ints("shape", {})) {
    if (!gated()) gate_.expect_no_weights("threshold is 0");
    expect(shape_.empty() || shape_.size() == 4, "PatchSkip " + op_type_ + ": shape must be four integers");
  }

  std::vector<int64_t> output_shape(int output, const Tensor* inputs, int) const override {
    if (output == 0 && !keeps()) return std::vector<int64_t>(shape_.begin(), shape_.end());
    const Tensor& like = inputs[output == 0 ? 1 : 0];
    return std::vector<int64_t>(like.shape, like.shape + like.rank);
  }

  void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) override {
    std::call_once(prepared_, [&] { prepare(inputs, n_inputs, n_outputs); });
    check(inputs, n_inputs, outputs, n_outputs);
    const int32_t* active = data<const int32_t>(inputs[0]);
    const float* cache = keeps() ? data<const float>(inputs[1]) : nullptr;
    float* out = data<float>(outputs[0]);
    int32_t* changed = n_outputs > 1 ? data<int32_t>(outputs[1]) : nullptr;
    if (cache && out != cache) std::memcpy(out, cache, sizeof(float) * plane_.size());
    if (changed && gated()) std::fill(changed, changed + rows_ * columns_, 0);
    if (changed && !gated()) std::copy(active, active + rows_ * columns_, changed);

    thread_local std::vector<Block> blocks;
    thread_local std::vector<int> units;
    const int most = std::min(std::max(kUnitValues / plane_.channels, kLeastUnitPixels), kMostUnitPixels);
    const int pixels = list_blocks(*kernels_, side_ > patch_ ? squares(active) : active, side_, plane_, most, &blocks);
    if (blocks.empty()) return;
    const bool alone = pixels * computation_->cost(plane_) < kWorthAThread;
    const int parts = alone ? 1 : computation_->parts(threads());
    // Where each thread computes its part of a unit, every unit reads the weights again.
    const int shares = alone ? 1 : threads() / parts;
    list_units(blocks, pixels, shares,
               alone       ? (pixels + most - 1) / most
               : parts > 1 ? units_of_a_share(pixels, kMostUnitPixels, shares, 1)
                           : units_of_a_share(pixels, most, shares, kUnitsOfAThread),
               &units);

    const Finish finish = finish_.with(finish_.has_residual() ? data<const float>(inputs[n_inputs - 1]) : nullptr);
    const Frame frame = {inputs + 2, n_inputs - 2 - finish_.has_residual(), &finish, out, active, changed};
    const int count = static_cast<int>(units.size()) - 1;
    if (parts > 1) {
      share_weights(frame, blocks.data(), units.data(), count, parts);
      return;
    }
    const Block* first = blocks.data();
    const int* starts = units.data();
    auto body = [&](int i) { run_unit(frame, {first + starts[i], first + starts[i + 1]}); };
    if (alone) {
      for (int i = 0; i < count; ++i) body(i);
    } else {
      parallel_for(count, body);
    }
  }

 private:
  // Without a cache Y's shape is an attribute, and whatever stands in the cache's place is not read.
  bool keeps() const { return shape_.empty(); }
  bool gated() const { return gate_.threshold > 0; }

  // `each`, or more where they would hold more than `most` pixels; but whole tiles, and no thread without any.
  static int units_of_a_share(int pixels, int most, int shares, int each) {
    const int units = std::max(std::min(each * shares, pixels / kLeastUnitPixels), (pixels + most - 1) / most);
    return (units + shares - 1) / shares;
  }

  struct Frame {
    const Tensor* inputs;
    int n_inputs;
    const Finish* finish;
    float* out;
    const int32_t* active;
    int32_t* changed;
  };

  void prepare(const Tensor* inputs, int n_inputs, int n_outputs) {
    const std::string name = "PatchSkip " + op_type_ + ": ";
    try {
      expect(n_inputs >= 3, "it takes active, cache and at least one input");
      expect(n_outputs == 1 || n_outputs == 2, "it has one or two outputs");
      plane_ = keeps() ? plane_of("cache", inputs[1]) : plane_without_cache();
      rows_ = patches(plane_.height, patch_);
      columns_ = patches(plane_.width, patch_);
      expect_tensor("active", inputs[0], PS_INT32, {rows_, columns_});
      finish_.prepare(plane_.channels);
      int own = n_inputs - 2;
      if (finish_.has_residual()) {
        --own;
        expect_tensor("the residual", inputs[n_inputs - 1], PS_FLOAT32,
                      {1, plane_.height, plane_.width, plane_.channels});
      }
      expect(own == computation_->own_inputs(own), std::to_string(own) + " inputs after active and cache; expected " +
                                                       std::to_string(computation_->own_inputs(own)));
      computation_->prepare(inputs + 2, own, plane_);
      side_ = std::max(patch_, computation_->side());
    } catch (const Error& error) {
      throw Error(name + error.what());
    }
    gate_.weights(plane_.channels);
    shapes_.assign(inputs, inputs + n_inputs);
    out_shape_ = output_shape(0, inputs, n_inputs);
  }

  Plane plane_without_cache() const {
    expect(!gated(), "with the attribute shape there is no cache, and threshold must be 0");
    Plane p;
    p.height = shape_[1];
    p.width = shape_[2];
    p.channels = shape_[3];
    expect(shape_[0] == 1 && p.height > 0 && p.width > 0 && p.channels > 0, "shape must be [1, H, W, C]");
    return p;
  }

  // Later frames must look like the first.
  void check(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) const {
    if (n_inputs != static_cast<int>(shapes_.size())) {
      throw Error("PatchSkip " + op_type_ + ": the number of inputs changed");
    }
    for (int i = 0; i < n_inputs; ++i) {
      const Tensor &a = inputs[i], &b = shapes_[i];
      const bool same = (a.data != nullptr) == (b.data != nullptr) && a.dtype == b.dtype && a.rank == b.rank &&
                        std::memcmp(a.shape, b.shape, sizeof(int64_t) * b.rank) == 0;
      if (!same) {
        throw Error("PatchSkip " + op_type_ + ": input " + std::to_string(i) + " is " + shape_text(a) + "; it was " +
                    shape_text(b) + " at the first call");
      }
    }
    const Tensor& y = outputs[0];
    const bool same =
        y.data && y.dtype == PS_FLOAT32 && y.rank == 4 && std::equal(out_shape_.begin(), out_shape_.end(), y.shape);
    if (!same) throw Error("PatchSkip " + op_type_ + ": Y is " + shape_text(y) + "; expected the shape of cache");
    if (n_outputs > 1) expect_tensor("PatchSkip: changed", outputs[1], PS_INT32, {rows_, columns_});
  }

  // The mask of the squares that are computed at once, where patches are smaller than these: a square is active when
  // any of its patches is.
  const int32_t* squares(const int32_t* active) const {
    thread_local std::vector<int32_t> mask;
    const int columns = patches(plane_.width, side_), scale = side_ / patch_;
    mask.assign(static_cast<size_t>(patches(plane_.height, side_)) * columns, 0);
    for (int y = 0; y < rows_; ++y) {
      for (int x = 0; x < columns_; ++x) mask[y / scale * columns + x / scale] |= *active++;
    }
    return mask.data();
  }

  // Of the pixels from (y, x) on, where these are patches.
  const int32_t* wanted(const Frame& frame, int y, int x) const {
    return side_ > patch_ ? frame.active + static_cast<ptrdiff_t>(y) * columns_ + x : nullptr;
  }

  struct Unit {
    const Block *first, *last;
    ptrdiff_t pixels() const {
      ptrdiff_t sum = 0;
      for (const Block* b = first; b != last; ++b) sum += b->pixels();
      return sum;
    }
  };

  // Behind a gate results go to scratch, are compared with what they would replace, and are committed patch by patch.
  void run_unit(const Frame& frame, const Unit& unit) const {
    if (!gated()) {
      compute(frame, unit, nullptr, ChannelPart());
      return;
    }
    float* fresh = scratch(unit.pixels());
    compute(frame, unit, fresh, ChannelPart());
    commit(frame, unit, fresh);
  }

  // Each thread computes some channels of every unit. Where a gate asks for whole pixels, they meet before it.
  void share_weights(const Frame& frame, const Block* blocks, const int* starts, int count, int parts) const {
    float* fresh = gated() ? scratch(Unit{blocks, blocks + starts[count]}.pixels()) : nullptr;
    const auto fresh_of = [&](int unit) {
      return fresh ? fresh + Unit{blocks, blocks + starts[unit]}.pixels() * plane_.channels : nullptr;
    };
    auto compute_part = [&](int i) {
      const int unit = i % count;
      compute(frame, {blocks + starts[unit], blocks + starts[unit + 1]}, fresh_of(unit), {i / count, parts});
    };
    parallel_for(count * parts, compute_part);
    if (!gated()) return;
    auto commit_unit = [&](int unit) {
      commit(frame, {blocks + starts[unit], blocks + starts[unit + 1]}, fresh_of(unit));
    };
    parallel_for(count, commit_unit);
  }

  // The thread's own, until it asks again.
  float* scratch(ptrdiff_t pixels) const {
    thread_local std::vector<float> values;
    if (static_cast<ptrdiff_t>(values.size()) < pixels * plane_.channels) values.resize(pixels * plane_.channels);
    return values.data();
  }

  // fresh: for the unit's pixels, one after the other; null: into the tensor.
  void compute(const Frame& frame, const Unit& unit, float* fresh, ChannelPart part) const {
    thread_local std::vector<Segment> segments;
    segments.clear();
    // What is kept was last touched a frame ago, and all of the unit's is computed by this thread.
    const bool far = keeps() && part.of == 1;
    for (const Block* b = unit.first; b != unit.last; ++b) {
      const ptrdiff_t run = static_cast<ptrdiff_t>(b->x1 - b->x0) * plane_.channels;
      for (int y = b->y0; y < b->y1; ++y) {
        float* kept = frame.out + position(y, b->x0);
        if (far) fetch(kept, run);
        segments.push_back({y, b->x0, b->x1, fresh ? fresh : kept, wanted(frame, y, b->x0)});
        if (fresh) fresh += run;
      }
    }
    computation_->compute(frame.inputs, frame.n_inputs, *frame.finish, segments.data(),
                          static_cast<int>(segments.size()), part);
  }

  // Ask for what is kept while the new values are being computed.
  static void fetch(const float* values, ptrdiff_t count) {
    constexpr ptrdiff_t kLine = 64 / sizeof(float);
    for (ptrdiff_t i = 0; i < count; i += kLine) __builtin_prefetch(values + i, 1);
  }

  void commit(const Frame& frame, const Unit& unit, const float* fresh) const {
    for (const Block* b = unit.first; b != unit.last; ++b) {
      commit_block(frame, *b, fresh);
      fresh += b->pixels() * plane_.channels;
    }
  }

  // The block's patches: where squares are larger, several rows of them, and not all of them active.
  void commit_block(const Frame& frame, const Block& block, const float* fresh) const {
    const ptrdiff_t channels = plane_.channels, stride = (block.x1 - block.x0) * channels;
    const float* weights = gate_.weights(plane_.channels);
    const auto changed = weights ? kernels_->changed_weighted : kernels_->changed;
    for (int y0 = block.y0; y0 < block.y1; y0 += patch_) {
      const int height = std::min(patch_, block.y1 - y0), row = y0 / patch_ * columns_;
      for (int x0 = block.x0; x0 < block.x1; x0 += patch_) {
        const int width = std::min(patch_, block.x1 - x0), patch = row + x0 / patch_;
        if (!frame.active[patch]) continue;
        const float* from = fresh + (y0 - block.y0) * stride + (x0 - block.x0) * channels;
        float* to = frame.out + position(y0, x0);
        const Comparison comparison = {
            from,   to, stride, plane_.width * channels, height, width, plane_.channels, gate_.cell, gate_.threshold,
            weights};
        if (!changed(comparison)) continue;
        for (int y = 0; y < height; ++y, from += stride, to += plane_.width * channels) {
          std::memcpy(to, from, sizeof(float) * width * channels);
        }
        if (frame.changed) frame.changed[patch] = 1;
      }
    }
  }

  ptrdiff_t position(int y, int x) const { return (static_cast<ptrdiff_t>(y) * plane_.width + x) * plane_.channels; }

  const Kernels* const kernels_;
  const std::string op_type_;
  const std::unique_ptr<Computation> computation_;
  FinishAttributes finish_;
  const GateAttributes gate_;
  const int patch_;
  std::once_flag prepared_;
  Plane plane_;
  int rows_ = 0, columns_ = 0;    // of patches
  int side_ = 1;                  // of what is computed at once, patches or larger squares, in pixels
  const std::vector<int> shape_;  // given when there is no cache
  std::vector<Tensor> shapes_;    // of the inputs at the first call
  std::vector<int64_t> out_shape_;
};

}  // namespace

std::unique_ptr<Operator> make_patch_skip(const Attributes& a) {
  const std::string op_type = a.text("op_type", "");
  if (op_type == "Flatten") return make_flatten(a);
  if (op_type == "Planes") return make_planes(a);
  std::unique_ptr<Computation> computation = make_computation(op_type, a);
  expect(computation != nullptr, "PatchSkip: op_type '" + op_type + "' is not known");
  return std::unique_ptr<Operator>(new PatchSkip(op_type, std::move(computation), a));
}

}  // namespace patchskip
