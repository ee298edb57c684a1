// What each op_type computes: the bridge from ONNX's attributes and tensors to a kernel's plain structure.
#pragma once
#include "operator.h"

namespace patchskip {

class Computation {
 public:
  virtual ~Computation() = default;
  // Checks the operator's own inputs and packs its constants. Called once, before anything else.
  virtual void prepare(const Tensor* inputs, int n_inputs, const Plane& out) = 0;
  // How many of the inputs are the operator's own; a residual may follow them.
  virtual int own_inputs(int n_inputs) const { return n_inputs; }
  // Into how many parts, `threads` at most, the output's channels are cut when each thread is to read a part of the
  // weights and not all of them.
  virtual int parts(int) const { return 1; }
  // Computes one of these parts of the segments' channels; callable from several threads.
  virtual void compute(const Tensor* inputs, int n_inputs, const Finish& finish, const Segment*, int count,
                       ChannelPart) const = 0;
  // The side of the squares of pixels that are computed at once; their corners lie at its multiples.
  virtual int side() const { return 1; }
  // Vector instructions for a pixel, roughly: what is worth a second thread.
  virtual double cost(const Plane& out) const { return out.channels; }
};

// Null when there is no such op_type.
std::unique_ptr<Computation> make_computation(const std::string& op_type, const Attributes&);

}  // namespace patchskip
