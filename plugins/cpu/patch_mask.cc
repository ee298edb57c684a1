// PatchMask: each set patch of a mask marks the rectangle of output patches that read it.
#include <algorithm>
#include <mutex>

#include "operator.h"

namespace patchskip {
namespace {

// For each input patch along one axis, the output patches [first, last] that read it; first > last: none.
struct Reach {
  std::vector<int> first, last;
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
  return r;
}

class PatchMask : public Operator {
 public:
  explicit PatchMask(const Attributes& a)
      : size_(a.ints("size", {})),
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
    int32_t* out = data<int32_t>(outputs[0]);
    std::fill(out, out + rows_ * columns_, 0);
    for (int i = 0; i < n_inputs; ++i) {
      const bool same = inputs[i].shape[0] == static_cast<int64_t>(reach_[2 * i].first.size()) &&
                        inputs[i].shape[1] == static_cast<int64_t>(reach_[2 * i + 1].first.size());
      if (!same) {
        throw Error("PatchMask: mask " + std::to_string(i) + " is " + shape_text(inputs[i]) +
                    "; it had another shape at the first call");
      }
      grow(data<const int32_t>(inputs[i]), reach_[2 * i], reach_[2 * i + 1], out);
    }
  }

 private:
  // Along the row first, into a row of the output's grid; that row then goes to each output row that reads it.
  void grow(const int32_t* mask, const Reach& down, const Reach& across, int32_t* out) const {
    const int in_rows = static_cast<int>(down.first.size()), in_columns = static_cast<int>(across.first.size());
    int32_t everything = 1;
    for (int i = 0; i < in_rows * in_columns; ++i) everything &= mask[i] != 0;
    if (everything) {  // every output patch reads something
      std::fill(out, out + rows_ * columns_, 1);
      return;
    }
    thread_local std::vector<int32_t> row;
    row.resize(columns_);
    for (int y = 0; y < in_rows; ++y, mask += in_columns) {
      int32_t found = 0;
      for (int x = 0; x < in_columns; ++x) found |= mask[x];
      if (!found) continue;
      std::fill(row.begin(), row.end(), 0);
      for (int x = 0; x < in_columns; ++x) {
        if (!mask[x]) continue;
        for (int i = across.first[x]; i <= across.last[x]; ++i) row[i] = 1;
      }
      for (int i = down.first[y]; i <= down.last[y]; ++i) {
        int32_t* to = out + static_cast<ptrdiff_t>(i) * columns_;
        for (int x = 0; x < columns_; ++x) to[x] |= row[x];
      }
    }
  }

  const std::vector<int> size_, in_patch_, windows_;
  const int patch_;
  int rows_, columns_;
  std::once_flag prepared_;
  std::vector<Reach> reach_;  // y and x of each mask
};

}  // namespace

std::unique_ptr<Operator> make_patch_mask(const Attributes& a) { return std::unique_ptr<Operator>(new PatchMask(a)); }

}  // namespace patchskip
