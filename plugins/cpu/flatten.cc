#include "flatten.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "common/finish_attributes.h"
#include "common/gate_attributes.h"
#include "threads.h"

namespace patchskip {
namespace {

// For each patch along one axis of the first tensor, the pixels [first, last] of another tensor it covers.
struct Cover {
  std::vector<int> first, last;
  Cover(int base, int pixels, int patch) : first(patches(base, patch), pixels), last(patches(base, patch), -1) {
    for (int y = 0; y < pixels; ++y) {
      const int begin = std::min(static_cast<int>(static_cast<int64_t>(y) * base / pixels), base - 1);
      const int end = std::min(static_cast<int>((static_cast<int64_t>(y) * base + base - 1) / pixels), base - 1);
      for (int p = begin / patch; p <= end / patch; ++p) {
        first[p] = std::min(first[p], y);
        last[p] = std::max(last[p], y);
      }
    }
  }
};

class Flatten : public Operator {
 public:
  explicit Flatten(const Attributes& a) : kernels_(best_kernels()), finish_(a), patch_(a.required_integer("patch")) {
    const GateAttributes gate("PatchSkip Flatten: ", a);
    expect(gate.threshold == 0, "PatchSkip Flatten: threshold must be 0");
    gate.expect_no_weights("threshold is 0");
    expect(!finish_.has_residual(), "PatchSkip Flatten: it takes no residual");
  }

  std::vector<int64_t> output_shape(int output, const Tensor* inputs, int) const override {
    const Tensor& like = inputs[output == 0 ? 1 : 0];
    return std::vector<int64_t>(like.shape, like.shape + like.rank);
  }

  void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) override {
    std::call_once(prepared_, [&] { prepare(inputs, n_inputs); });
    expect_tensor("PatchSkip Flatten: active", inputs[0], PS_INT32, {rows_, columns_});
    expect_tensor("PatchSkip Flatten: cache", inputs[1], PS_FLOAT32, {1, total_, channels_});
    expect_tensor("PatchSkip Flatten: Y", outputs[0], PS_FLOAT32, {1, total_, channels_});
    expect(n_inputs == static_cast<int>(levels_.size()) + 2, "PatchSkip Flatten: the number of inputs changed");
    for (size_t i = 0; i < levels_.size(); ++i) {
      expect_tensor("PatchSkip Flatten: an input", inputs[i + 2], PS_FLOAT32,
                    {1, levels_[i].height, levels_[i].width, channels_});
    }
    if (n_outputs > 1) expect_tensor("PatchSkip Flatten: changed", outputs[1], PS_INT32, {rows_, columns_});
    const int32_t* active = data<const int32_t>(inputs[0]);
    float* out = data<float>(outputs[0]);
    if (out != inputs[1].data) std::memcpy(out, inputs[1].data, sizeof(float) * total_ * channels_);
    if (n_outputs > 1) std::copy(active, active + rows_ * columns_, data<int32_t>(outputs[1]));
    for (size_t i = 0; i < levels_.size(); ++i) {
      copy_level(levels_[i], down_[i], across_[i], active, data<const float>(inputs[i + 2]), out);
      out += levels_[i].size();
    }
  }

 private:
  void prepare(const Tensor* inputs, int n_inputs) {
    expect(n_inputs >= 3, "PatchSkip Flatten: it takes active, cache and at least one input");
    expect_tensor("PatchSkip Flatten: cache", inputs[1], PS_FLOAT32, {1, -1, -1});
    channels_ = static_cast<int>(inputs[1].shape[2]);
    std::vector<Plane> levels;
    for (int i = 2; i < n_inputs; ++i) {
      expect_tensor("PatchSkip Flatten: an input", inputs[i], PS_FLOAT32, {1, -1, -1, channels_});
      Plane level;
      level.height = static_cast<int>(inputs[i].shape[1]);
      level.width = static_cast<int>(inputs[i].shape[2]);
      level.channels = channels_;
      total_ += level.pixels();
      levels.push_back(level);
    }
    expect(total_ == inputs[1].shape[1], "PatchSkip Flatten: the inputs have " + std::to_string(total_) +
                                             " pixels together; cache is " + shape_text(inputs[1]));
    rows_ = patches(levels[0].height, patch_);
    columns_ = patches(levels[0].width, patch_);
    finish_.prepare(channels_);
    for (const Plane& level : levels) {
      down_.emplace_back(levels[0].height, level.height, patch_);
      across_.emplace_back(levels[0].width, level.width, patch_);
    }
    levels_ = levels;
  }

  void copy_level(const Plane& level, const Cover& down, const Cover& across, const int32_t* active, const float* from,
                  float* to) const {
    const Finish finish = finish_.with(nullptr);
    auto copy_row = [&](int row) {
      copy_patches(level, down.first[row], down.last[row], across, active + row * columns_, finish, from, to);
    };
    if (level.height >= rows_) {
      parallel_for(rows_, copy_row);
    } else {  // neighbouring rows of patches share pixels
      for (int row = 0; row < rows_; ++row) copy_row(row);
    }
  }

  // One row of patches: pixel rows y0 to y1, inclusive.
  void copy_patches(const Plane& level, int y0, int y1, const Cover& across, const int32_t* active,
                    const Finish& finish, const float* from, float* to) const {
    for (int i = 0; i < columns_; ++i) {
      if (!active[i]) continue;
      const int x0 = across.first[i];
      while (i + 1 < columns_ && active[i + 1]) ++i;
      const int count = (across.last[i] + 1 - x0) * channels_;
      for (int y = y0; y <= y1 && count > 0; ++y) {
        const ptrdiff_t at = (static_cast<ptrdiff_t>(y) * level.width + x0) * channels_;
        std::memcpy(to + at, from + at, sizeof(float) * count);
        kernels_->finish(finish, to + at, at, count, channels_);
      }
    }
  }

  const Kernels* const kernels_;
  FinishAttributes finish_;
  const int patch_;
  std::once_flag prepared_;
  int channels_ = 0, rows_ = 0, columns_ = 0;
  int64_t total_ = 0;
  std::vector<Plane> levels_;
  std::vector<Cover> down_, across_;
};

}  // namespace

std::unique_ptr<Operator> make_flatten(const Attributes& a) { return std::unique_ptr<Operator>(new Flatten(a)); }

}  // namespace patchskip
