// PatchGate: which patches of an activation differ from what was last recomputed.
#include <algorithm>
#include <cmath>

#include "common/gate_attributes.h"
#include "common/image_attributes.h"
#include "operator.h"
#include "threads.h"

namespace patchskip {
namespace {

class PatchGate : public Operator {
 public:
  explicit PatchGate(const Attributes& a)
      : kernels_(best_kernels()),
        image_(a),
        exact_(a.text("mode", "exact") == "exact"),
        gate_("PatchGate: ", a),
        patch_(gate_.patch),
        cell_(gate_.cell) {
    const std::string mode = a.text("mode", "exact");
    expect(mode == "exact" || mode == "delta", "PatchGate: mode '" + mode + "' is neither exact nor delta");
    if (exact_) gate_.expect_no_weights("mode exact compares every value");
    expect(cell_ <= kMostCell, "PatchGate: cell must be at most 16");
  }

  std::vector<int64_t> output_shape(int output, const Tensor* inputs, int) const override {
    const Plane p = image_.plane(inputs[0]);
    if (output == 0) return {patches(p.height, patch_), patches(p.width, patch_)};
    return {patches(p.height, cell_), patches(p.width, cell_), p.channels};
  }

  void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) override {
    expect(n_inputs >= 2 && n_inputs <= 3, "PatchGate takes X, reference and optionally candidates");
    const Plane plane = image_.plane(inputs[0]);
    const int rows = patches(plane.height, patch_), columns = patches(plane.width, patch_);
    const int64_t cell_rows = patches(plane.height, cell_), cell_columns = patches(plane.width, cell_);
    expect(n_outputs == (exact_ ? 1 : 2),
           exact_ ? "PatchGate exact has one output: active" : "PatchGate delta has two outputs: active and reference");
    expect_tensor("PatchGate: active", outputs[0], PS_INT32, {rows, columns});
    const int32_t* candidates = nullptr;
    if (n_inputs == 3 && inputs[2].data) {
      expect_tensor("PatchGate: candidates", inputs[2], PS_INT32, {rows, columns});
      candidates = data<const int32_t>(inputs[2]);
    }
    const Image image = image_.image(inputs[0], plane);
    int32_t* active = data<int32_t>(outputs[0]);
    if (exact_) {
      expect_tensor("PatchGate: reference", inputs[1], PS_FLOAT32, {1, plane.height, plane.width, plane.channels});
      const float* reference = data<const float>(inputs[1]);
      auto body = [&](int row) { exact_row(image, reference, row, columns, candidates, active + row * columns); };
      parallel_for(rows, body);
      return;
    }
    const std::vector<int64_t> shape = {cell_rows, cell_columns, plane.channels};
    expect_tensor("PatchGate: reference", inputs[1], PS_FLOAT32, shape);
    expect_tensor("PatchGate: the new reference", outputs[1], PS_FLOAT32, shape);
    gate_.weights(plane.channels);
    const float* reference = data<const float>(inputs[1]);
    float* updated = data<float>(outputs[1]);
    if (updated != reference) std::copy(reference, reference + cell_rows * cell_columns * plane.channels, updated);
    auto body = [&](int row) { delta_row(image, row, columns, candidates, active + row * columns, updated); };
    parallel_for(rows, body);
  }

 private:
  void exact_row(const Image& image, const float* reference, int row, int columns, const int32_t* candidates,
                 int32_t* active) const {
    const int y1 = std::min((row + 1) * patch_, image.out.height);
    for (int i = 0; i < columns; ++i) {
      const int x0 = i * patch_, x1 = std::min(x0 + patch_, image.out.width);
      active[i] = 0;
      if (candidates && !candidates[row * columns + i]) continue;
      for (int y = row * patch_; y < y1 && !active[i]; ++y) {
        const ptrdiff_t at = (static_cast<ptrdiff_t>(y) * image.out.width + x0) * image.out.channels;
        active[i] = kernels_->differs(image, y, x0, x1, reference + at);
      }
    }
  }

  void delta_row(const Image& image, int row, int columns, const int32_t* candidates, int32_t* active,
                 float* reference) const {
    const int channels = image.out.channels, cells = patches(image.out.width, cell_), step = patch_ / cell_;
    const int y0 = row * patch_, y1 = std::min(y0 + patch_, image.out.height);
    const int cell_rows = patches(y1 - y0, cell_);
    const ptrdiff_t values = static_cast<ptrdiff_t>(cells) * channels;  // of a row of cells
    const CellChanges changes = {image, cell_, gate_.weights(channels)};
    const float most = gate_.threshold * static_cast<float>(channels);
    thread_local std::vector<float> means, apart;
    means.resize(cell_rows * values);
    apart.resize(cells);
    std::fill(active, active + columns, 0);
    reference += static_cast<ptrdiff_t>(row) * step * values;
    for (int r = 0; r < cell_rows; ++r) {
      const int top = y0 + r * cell_, bottom = std::min(top + cell_, image.out.height);
      kernels_->cell_changes(changes, top, bottom, reference + r * values, means.data() + r * values, apart.data());
      for (int i = 0, cell = 0; i < columns; ++i) {
        for (const int end = std::min(cell + step, cells); cell < end; ++cell) active[i] |= !(apart[cell] <= most);
      }
    }
    for (int i = 0; i < columns; ++i) {
      if (candidates && !candidates[row * columns + i]) active[i] = 0;
      if (!active[i]) continue;
      const int begin = i * step * channels, end = std::min((i + 1) * step, cells) * channels;
      for (int r = 0; r < cell_rows; ++r) {
        const float* from = means.data() + r * values;
        std::copy(from + begin, from + end, reference + r * values + begin);
      }
    }
  }

  const Kernels* const kernels_;
  const ImageAttributes image_;
  const bool exact_;
  const GateAttributes gate_;
  const int patch_, cell_;
};

}  // namespace

std::unique_ptr<Operator> make_patch_gate(const Attributes& a) { return std::unique_ptr<Operator>(new PatchGate(a)); }

}  // namespace patchskip
