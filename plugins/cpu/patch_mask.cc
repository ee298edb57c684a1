// PatchMask: each set patch of a mask marks the rectangle of output patches that read it. In between a row of patches
// is a few words of bits: a frame has many masks and little else to do where little changed.
#include <algorithm>
#include <mutex>

#include "operator.h"

namespace patchskip {
namespace {

// For each input patch along one axis, the output patches [first, last] that read it; first > last: none.
struct Reach {
  std::vector<int> first, last;
  bool own;  // is each patch read by the one of its own number, and no other?
};

inline int floor_div(int64_t a, int64_t b) { return static_cast<int>(a >= 0 ? a / b : -((-a + b - 1) / b)); }

Reach reach(int pixels, int patch, int in_patches, int in_patch, const int* window) {
  const int64_t num = window[0], den = window[1], low = window[2], high = window[3];
  Reach r;
  r.first.assign(in_patches, pixels);
  r.last.assign(in_patches, -1);
  for (int y = 0; y < pixels; ++y) {
    const int begin = std::min(std::max(floor_div(floor_div(y * num + low, den), in_patch), 0), in_patches - 1);
    const int end = std::min(std::max(floor_div(floor_div(y * num + high, den), in_patch), 0), in_patches - 1);
    for (int i = begin; i <= end; ++i) {
      r.first[i] = std::min(r.first[i], y / patch);
      r.last[i] = std::max(r.last[i], y / patch);
    }
  }
  r.own = in_patches == patches(pixels, patch);
  for (int i = 0; i < in_patches; ++i) r.own = r.own && r.first[i] == i && r.last[i] == i;
  return r;
}

class PatchMask : public Operator {
 public:
  explicit PatchMask(const Attributes& a)
      : kernels_(best_kernels()),
        size_(a.ints("size", {})),
        in_patch_(a.ints("in_patch", {})),
        windows_(a.ints("windows", {})),
        patch_(a.required_integer("patch")) {
    expect(size_.size() == 2 && size_[0] > 0 && size_[1] > 0, "PatchMask: size must be two positive integers");
    expect(patch_ > 0, "PatchMask: patch must be positive");
    expect(!in_patch_.empty() && windows_.size() == 8 * in_patch_.size(),
           "PatchMask: windows must hold eight integers for each of in_patch's " + std::to_string(in_patch_.size()) +
               "; found " + std::to_string(windows_.size()));
    for (size_t i = 0; i < in_patch_.size(); ++i) {
      expect(in_patch_[i] > 0, "PatchMask: in_patch must be positive");
      expect(windows_[8 * i + 1] > 0 && windows_[8 * i + 5] > 0, "PatchMask: a window's den must be positive");
    }
    rows_ = patches(size_[0], patch_);
    columns_ = patches(size_[1], patch_);
  }

  std::vector<int64_t> output_shape(int, const Tensor*, int) const override { return {rows_, columns_}; }

  void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) override {
    if (n_inputs != static_cast<int>(in_patch_.size())) {
      throw Error("PatchMask: " + std::to_string(n_inputs) + " masks; in_patch describes " +
                  std::to_string(in_patch_.size()));
    }
    expect(n_outputs == 1, "PatchMask has one output");
    expect_tensor("PatchMask: the output", outputs[0], PS_INT32, {rows_, columns_});
    for (int i = 0; i < n_inputs; ++i) expect_tensor("PatchMask: a mask", inputs[i], PS_INT32, {-1, -1});
    std::call_once(prepared_, [&] {
      for (int i = 0; i < n_inputs; ++i) {
        for (int axis = 0; axis < 2; ++axis) {
          reach_.push_back(reach(size_[axis], patch_, static_cast<int>(inputs[i].shape[axis]), in_patch_[i],
                                 &windows_[8 * i + 4 * axis]));
        }
      }
    });
    thread_local std::vector<uint64_t> marked;
    marked.assign(static_cast<size_t>(rows_) * mask_words(columns_), 0);
    for (int i = 0; i < n_inputs; ++i) {
      const bool same = inputs[i].shape[0] == static_cast<int64_t>(reach_[2 * i].first.size()) &&
                        inputs[i].shape[1] == static_cast<int64_t>(reach_[2 * i + 1].first.size());
      if (!same) {
        throw Error("PatchMask: mask " + std::to_string(i) + " is " + shape_text(inputs[i]) +
                    "; it had another shape at the first call");
      }
      grow(data<const int32_t>(inputs[i]), reach_[2 * i], reach_[2 * i + 1], marked.data());
    }
    kernels_->bits_mask(marked.data(), rows_, columns_, data<int32_t>(outputs[0]));
  }

 private:
  // Along the row first, into a row of the output's grid; that row then goes to each output row that reads it.
  void grow(const int32_t* mask, const Reach& down, const Reach& across, uint64_t* out) const {
    const int in_rows = static_cast<int>(down.first.size()), in_columns = static_cast<int>(across.first.size());
    const int in_words = mask_words(in_columns), out_words = mask_words(columns_);
    thread_local std::vector<uint64_t> bits, spread;
    bits.resize(static_cast<size_t>(in_rows) * in_words);
    kernels_->mask_bits(mask, in_rows, in_columns, bits.data());
    for (int y = 0; y < in_rows; ++y) {
      const uint64_t* row = &bits[static_cast<size_t>(y) * in_words];
      uint64_t found = 0;
      for (int i = 0; i < in_words; ++i) found |= row[i];
      if (!found) continue;
      if (!across.own) {
        spread.assign(out_words, 0);
        spread_row(row, in_words, across, spread.data());
        row = spread.data();
      }
      for (int i = down.first[y]; i <= down.last[y]; ++i) {
        for (int j = 0; j < out_words; ++j) out[static_cast<ptrdiff_t>(i) * out_words + j] |= row[j];
      }
    }
  }

  static void spread_row(const uint64_t* row, int in_words, const Reach& across, uint64_t* out) {
    for (int word = 0; word < in_words; ++word) {
      for (uint64_t bits = row[word]; bits; bits &= bits - 1) {
        const int i = 64 * word + __builtin_ctzll(bits);
        for (int o = across.first[i]; o <= across.last[i]; ++o) out[o / 64] |= uint64_t(1) << o % 64;
      }
    }
  }

  const Kernels* const kernels_;
  const std::vector<int> size_, in_patch_, windows_;
  const int patch_;
  int rows_, columns_;
  std::once_flag prepared_;
  std::vector<Reach> reach_;  // y and x of each mask
};

}  // namespace

std::unique_ptr<Operator> make_patch_mask(const Attributes& a) { return std::unique_ptr<Operator>(new PatchMask(a)); }

}  // namespace patchskip
