#include "flatten.h"

#include <algorithm>
#include <cstring>

#include "relayout.h"
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

class Flatten : public Relayout {
 public:
  explicit Flatten(const Attributes& a) : Relayout("Flatten", a) {}

 protected:
  std::vector<int64_t> arrange() override {
    int64_t pixels = 0;
    const int channels = planes_[0].channels;
    down_.clear();
    across_.clear();
    for (const Plane& level : planes_) {
      expect(level.channels == channels, "its inputs have " + std::to_string(channels) + " and " +
                                             std::to_string(level.channels) + " channels; expected the same");
      down_.emplace_back(planes_[0].height, level.height, patch_);
      across_.emplace_back(planes_[0].width, level.width, patch_);
      pixels += level.pixels();
    }
    return {1, pixels, channels};
  }

  void lay_out(const int32_t* active, const Tensor* inputs, float* out) const override {
    for (size_t i = 0; i < planes_.size(); ++i) {
      copy_level(planes_[i], down_[i], across_[i], active, data<const float>(inputs[i]), out);
      out += planes_[i].size();
    }
  }

 private:
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
      const int count = (across.last[i] + 1 - x0) * level.channels;
      for (int y = y0; y <= y1 && count > 0; ++y) {
        const ptrdiff_t at = (static_cast<ptrdiff_t>(y) * level.width + x0) * level.channels;
        std::memcpy(to + at, from + at, sizeof(float) * count);
        kernels_->finish(finish, to + at, at, count, level.channels);
      }
    }
  }

  std::vector<Cover> down_, across_;
};

}  // namespace

std::unique_ptr<Operator> make_flatten(const Attributes& a) { return std::unique_ptr<Operator>(new Flatten(a)); }

}  // namespace patchskip
