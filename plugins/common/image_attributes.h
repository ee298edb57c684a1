// The attributes with which PatchGate and PatchSkip `Image` read a frame.
#pragma once
#include "common/attributes.h"

namespace patchskip {

class ImageAttributes {
 public:
  explicit ImageAttributes(const Attributes& a)
      : layout_(a.text("layout", "NHWC")),
        channels_(a.ints("channels", {})),
        scale_(a.floats("scale")),
        bias_(a.floats("bias")) {
    expect(layout_ == "NHWC" || layout_ == "NCHW", "layout '" + layout_ + "' is neither NHWC nor NCHW");
  }

  // The frame's plane after the channel selection. Throws when `x` is not a frame.
  Plane plane(const Tensor& x) const {
    expect(x.data != nullptr && x.rank == 4 && x.shape[0] == 1 &&
               (x.dtype == PS_FLOAT32 || (x.dtype == PS_UINT8 && layout_ == "NHWC")),
           "X is " + (x.data ? shape_text(x) : std::string("missing")) + "; expected float32 or (NHWC only) uint8, " +
               (layout_ == "NCHW" ? "[1, C, H, W]" : "[1, H, W, C]"));
    const bool planar = layout_ == "NCHW";
    const int found = static_cast<int>(x.shape[planar ? 1 : 3]);
    Plane p;
    p.height = static_cast<int>(x.shape[planar ? 2 : 1]);
    p.width = static_cast<int>(x.shape[planar ? 3 : 2]);
    p.channels = channels_.empty() ? found : static_cast<int>(channels_.size());
    for (int c : channels_) {
      expect(c >= 0 && c < found, "channels names channel " + std::to_string(c) + " of X, which is " + shape_text(x));
    }
    const size_t n = static_cast<size_t>(p.channels);
    expect(p.channels >= 1 && found <= kMostImageChannels, "X has more than 1024 channels: " + shape_text(x));
    for (const std::vector<float>* values : {&scale_, &bias_}) {
      expect(values->empty() || values->size() == n, std::string(values == &scale_ ? "scale" : "bias") + " has " +
                                                         std::to_string(values->size()) + " values; the image has " +
                                                         std::to_string(n) + " channels");
    }
    return p;
  }

  Image image(const Tensor& x, const Plane& plane) const {
    Image im;
    im.x = x.data;
    im.bytes = x.dtype == PS_UINT8;
    im.planar = layout_ == "NCHW";
    im.out = plane;
    im.in_channels = static_cast<int>(x.shape[im.planar ? 1 : 3]);
    im.channels = channels_.empty() ? nullptr : channels_.data();
    im.scale = scale_.empty() ? nullptr : scale_.data();
    im.bias = bias_.empty() ? nullptr : bias_.data();
    return im;
  }

 private:
  const std::string layout_;
  const std::vector<int> channels_;
  const std::vector<float> scale_, bias_;
};

}  // namespace patchskip
