#include "common/convolution_attributes.h"

namespace patchskip {
namespace {

// Of a convolution from `wide` to `narrow` pixels; a transposed one goes the other way.
void expect_extent(const Tensor& x, int wide, int narrow, int kernel, int stride, int dilation, int begin, int end) {
  const int found = (wide + begin + end - (kernel - 1) * dilation - 1) / stride + 1;
  expect(found == narrow, "X is " + shape_text(x) + ": kernel_shape, strides and pads do not lead from " +
                              std::to_string(wide) + " to " + std::to_string(narrow) + " pixels, but to " +
                              std::to_string(found));
}

}  // namespace

ConvolutionAttributes::ConvolutionAttributes(const Attributes& a, bool transposed)
    : shape(a), group(a.integer("group", 1)), transposed(transposed) {
  expect(group > 0, "group must be positive");
}

void ConvolutionAttributes::expect_weights(const Tensor& x, const Tensor& w, const Tensor& b, int out_channels) {
  expect_tensor("X", x, static_cast<ps_dtype>(x.dtype), {1, -1, -1, -1});
  const int in_channels = static_cast<int>(x.shape[3]);
  expect_groups(x, in_channels, out_channels);
  expect(w.rank == 4, "W is " + shape_text(w) + "; expected four dimensions");
  Window& window = shape.window;
  if (!shape.kernel_given) {
    window.kernel_h = static_cast<int>(w.shape[2]);
    window.kernel_w = static_cast<int>(w.shape[3]);
  }
  expect(w.shape[2] == window.kernel_h && w.shape[3] == window.kernel_w,
         "kernel_shape is [" + std::to_string(window.kernel_h) + ", " + std::to_string(window.kernel_w) + "]; W is " +
             shape_text(w));
  expect_tensor("W", w, PS_FLOAT32,
                {transposed ? in_channels : out_channels, (transposed ? out_channels : in_channels) / group,
                 window.kernel_h, window.kernel_w});
  expect_tensor("B", b, PS_FLOAT32, {out_channels});
}

void ConvolutionAttributes::expect_sizes(const Tensor& x, const Plane& in, const Plane& out) const {
  expect_groups(x, in.channels, out.channels);
  const Window& w = shape.window;
  const Plane &wide = transposed ? out : in, &narrow = transposed ? in : out;
  expect_extent(x, wide.height, narrow.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, shape.pad_bottom);
  expect_extent(x, wide.width, narrow.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, shape.pad_right);
}

void ConvolutionAttributes::expect_groups(const Tensor& x, int in_channels, int out_channels) const {
  expect(in_channels % group == 0 && out_channels % group == 0,
         "group " + std::to_string(group) + " does not divide the channels of X " + shape_text(x));
}

}  // namespace patchskip
