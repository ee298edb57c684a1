// The attributes of a gate, PatchGate's and that of a PatchSkip node with a threshold: patch, cell, threshold, weights.
#pragma once
#include <cmath>

#include "common/attributes.h"

namespace patchskip {

class GateAttributes {
 public:
  const int patch, cell;
  const float threshold;

  // name: begins the messages.
  GateAttributes(const std::string& name, const Attributes& a)
      : patch(a.required_integer("patch")),
        cell(a.integer("cell", 1)),
        threshold(a.number("threshold", 0)),
        name_(name),
        weights_(a.floats("weights")) {
    expect(patch > 0 && cell > 0 && patch % cell == 0,
           name + "cell must divide patch; found cell " + std::to_string(cell) + ", patch " + std::to_string(patch));
    expect(threshold >= 0, name + "threshold must be 0 or more; found " + std::to_string(threshold));
    for (float weight : weights_) {
      expect(weight >= 0 && std::isfinite(weight),
             name + "weights must be finite, and 0 or more; found " + std::to_string(weight));
    }
  }

  // Of each channel's difference; null: all of them count alike. Throws unless there is one for each channel.
  const float* weights(int channels) const {
    if (weights_.empty()) return nullptr;
    if (static_cast<int>(weights_.size()) != channels) {
      throw Error(name_ + "weights has " + std::to_string(weights_.size()) + " values; the gate compares " +
                  std::to_string(channels) + " channels");
    }
    return weights_.data();
  }

  // Where nothing is compared. reason: why not.
  void expect_no_weights(const char* reason) const {
    expect(weights_.empty(), name_ + "weights are those of a gate; " + reason);
  }

 private:
  const std::string name_;
  const std::vector<float> weights_;
};

}  // namespace patchskip
