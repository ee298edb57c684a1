// The attributes activation, activation_params and residual.
#pragma once
#include "common/attributes.h"

namespace patchskip {

class FinishAttributes {
 public:
  // prefix: of the attributes' names; "inner_" for the first of two fused operators, which has no residual.
  explicit FinishAttributes(const Attributes& a, const std::string& prefix = "")
      : params_(a.floats((prefix + "activation_params").c_str())) {
    static const struct {
      const char* name;
      Activation kind;
      int params;  // -1: any number
    } kKnown[] = {
        {"None", Activation::kNone, 0},           {"Relu", Activation::kRelu, 0},
        {"Clip", Activation::kClip, 2},           {"LeakyRelu", Activation::kLeakyRelu, 1},
        {"PRelu", Activation::kPRelu, -1},        {"SiLU", Activation::kSiLU, 0},
        {"HardSwish", Activation::kHardSwish, 0}, {"HardSigmoid", Activation::kHardSigmoid, 2},
        {"Sigmoid", Activation::kSigmoid, 0},
    };
    const std::string activation = a.text((prefix + "activation").c_str(), "None");
    const std::string residual = prefix.empty() ? a.text("residual", "none") : "none";
    bool known = false;
    for (const auto& entry : kKnown) {
      if (activation != entry.name) continue;
      known = true;
      finish_.activation = entry.kind;
      expect(entry.params < 0 || entry.params == static_cast<int>(params_.size()),
             "activation " + activation + " takes " + std::to_string(entry.params) + " activation_params; found " +
                 std::to_string(params_.size()));
    }
    expect(known, "activation '" + activation + "' is not known");
    expect(residual == "none" || residual == "before" || residual == "after",
           "residual '" + residual + "' is none of none, before, after");
    has_residual_ = residual != "none";
    finish_.residual_after = residual == "after";
    if (finish_.activation == Activation::kClip || finish_.activation == Activation::kHardSigmoid)
      finish_.b = params_[1];
    if (!params_.empty()) finish_.a = params_[0];
  }

  bool has_residual() const { return has_residual_; }

  // A single slope serves every channel.
  void prepare(int channels) {
    if (finish_.activation != Activation::kPRelu) return;
    if (params_.size() == 1) params_.assign(channels, params_[0]);
    expect(static_cast<int>(params_.size()) == channels, "PRelu has " + std::to_string(params_.size()) +
                                                             " slopes; the output has " + std::to_string(channels) +
                                                             " channels");
  }

  Finish with(const float* residual) const {
    Finish finish = finish_;
    finish.residual = residual;
    finish.slopes = params_.data();
    return finish;
  }

 private:
  std::vector<float> params_;
  Finish finish_;
  bool has_residual_ = false;
};

}  // namespace patchskip
