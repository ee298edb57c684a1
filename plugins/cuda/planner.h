// For the planners of the operators: what they have in common.
#pragma once
#include "common/convolution_attributes.h"
#include "common/finish_attributes.h"
#include "common/gate_attributes.h"
#include "cuda/device/picture_params.h"
#include "cuda/plan.h"

namespace patchskip {
namespace cuda {

Divisor make_divisor(int divisor);
Grid make_grid(const Plane& out, int patch);
constexpr int kSharedOfBlock = 48 * 1024;  // without asking for more
int active_shared_bytes(const Grid&);      // dynamic shared memory that rank_active takes
int64_t slots(const Grid&);                // pixels of all patches, those cut at the border counted whole

inline const char* suffix(ps_dtype dtype) { return dtype == PS_FLOAT16 ? "_f16" : "_f32"; }
inline int64_t size_of(ps_dtype dtype) { return dtype == PS_FLOAT16 ? 2 : dtype == PS_UINT8 ? 1 : 4; }
// Of the kernels for a tensor of so many channels: each thread takes four where they are a multiple of four, else one.
inline std::string suffix(ps_dtype dtype, int channels) {
  return std::string(suffix(dtype)) + (channels % 4 ? "" : "x4");
}
inline int vectors(int channels) { return channels % 4 ? channels : channels / 4; }
Plane plane_of(const char* what, const Tensor&, ps_dtype dtype);

Picture make_picture(const Image&);

// Pointer members of a Params structure, and what they will point to.
struct Binding {
  const void* member;
  Address address;
};
typedef std::vector<Binding> Bindings;

class Builder {
 public:
  explicit Builder(const Device& device) : device(device) {}

  // A kernel of the list in device/kernels.h, for at most `work` pieces of work, of which a block takes `block_work` at
  // a time. The grid is what the GPU holds at once, or less: a block takes its share of what there turns out to be.
  template <typename Params>
  Launch& launch(const std::string& kernel, int64_t work, int block_work, int shared_bytes, const Params& params,
                 const Bindings& bindings) {
    return launch(kernel, work, block_work, shared_bytes, &params, sizeof(Params), bindings);
  }

  // Not needed where both are the same memory.
  void copy(const Address& from, const Address& to, int64_t bytes);

  // `bytes` of workspace, aligned.
  Address scratch(int64_t bytes);

  const Device device;
  Plan plan;

 private:
  Launch& launch(const std::string& kernel, int64_t work, int block_work, int shared_bytes, const void* params,
                 size_t size, const Bindings& bindings);
};

// The finish of an operator and its pointers. `slopes`: where those of PRelu are.
Finish device_finish(const FinishAttributes&, bool with_residual);

// A PatchSkip node whose common part has been checked.
struct SkipNode {
  SkipNode(const std::string& op_type, const Attributes&, const Tensor* inputs, int n_inputs, int n_outputs,
           const Device&);

  const std::string op_type;
  const Attributes& attributes;
  const Tensor* const inputs;
  Builder builder;
  FinishAttributes finish_attributes;
  Plane out;       // Y, whatever its layout; of Flatten: [1, pixels, channels]
  ps_dtype dtype;  // of the activations
  const GateAttributes gate;
  bool keeps;               // has a cache
  int own;                  // the operator's own activations: inputs 2 ...
  int residual, constants;  // inputs, or -1
  Address target;  // the operator's result goes here: Y, or memory in which it is compared with the cache first
  Grid grid;

  bool gated() const { return gate.threshold > 0; }
  // Own activation i as a plane of the node's type.
  Plane plane(int i) const;
  void expect_own(int count) const;
  // Throws unless the packed constants are `words` of the operator's own, and PRelu's slopes and the gate's weights
  // behind them. -> the finish, whose pointers are bound by `bindings`.
  Finish finish(int64_t words);
  // Where Finish's pointers go, and grid.active, given that these lie in the parameters. `slopes`: the word of the
  // constants at which PRelu's are; by default behind the operator's own.
  Bindings bindings(const Finish& in_params, const Grid& grid_in_params, int64_t slopes = -1) const;
  Bindings finish_bindings(const Finish& in_params, int64_t slopes = -1) const;
  Address weights() const;  // of the gate, if it has any

 private:
  int64_t slopes_words() const;  // of the packed constants
  int64_t own_words_ = 0;
};

// The channels of Y, of a node as `patchskip export` writes it.
int output_channels(const Attributes&, const Tensor* inputs);

// Says that a node's constants have not been packed.
extern const char* const kNotPacked;

// Throws unless the node has `own` inputs after active and cache, besides the residual. For pack functions.
void expect_inputs(const Attributes&, int n_inputs, int own);

// Appends values to the packed constants: as float32, or as float16, two to a word. What follows is aligned to 16
// bytes.
void append(const std::vector<float>& values, ps_dtype, Constants*);
int64_t appended_words(int64_t values, ps_dtype);

// One line each in the table of plan.cc.
struct OpType {
  const char* name;
  void (*plan)(SkipNode*);
  // Appends the operator's own constants and names the inputs they come from; null: it has none.
  void (*pack)(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants*);
};

void plan_channel_map(SkipNode*);
void plan_concat(SkipNode*);
void plan_concat_conv(SkipNode*);
void plan_conv(SkipNode*);
void plan_deform(SkipNode*);
void plan_depthwise(SkipNode*);
void plan_flatten(SkipNode*);
void plan_image(SkipNode*);
void plan_planes(SkipNode*);
void plan_pointwise(SkipNode*);
void plan_pool(SkipNode*);
void plan_resize(SkipNode*);
void plan_separable(SkipNode*);

void pack_channel_map(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);
void pack_concat_conv(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);
void pack_conv(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);
void pack_deform(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);
void pack_depthwise(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);
void pack_separable(const Attributes&, const Tensor* inputs, int n_inputs, ps_dtype, Constants*);

// A tensor that a launch reads.
struct Source {
  Address address;
  Plane plane;
};

// Convolution of the sources, joined on channels, to the node's target. For what it is a part of. `weights`: the word
// of the constants where they begin.
void append_conv(const ConvolutionAttributes&, const Tensor& w, const Tensor& b, ps_dtype, Constants*);
int64_t conv_words(const ConvolutionAttributes&, int in_channels, int out_channels, ps_dtype);
void launch_conv(SkipNode*, const ConvolutionAttributes&, const std::vector<Source>&, int64_t weights, const Finish&);

// For what a depthwise convolution is a part of.
void append_depthwise(const ConvolutionAttributes&, const Tensor& w, const Tensor& b, ps_dtype, Constants*);
int64_t depthwise_words(const ConvolutionAttributes&, int channels, ps_dtype);
// Of `in` to `target`, of the node's output's size. `weights`, `slopes`: words of the constants where they begin.
void launch_depthwise(SkipNode*, const ConvolutionAttributes&, const Plane& in, const Address& target, int64_t weights,
                      const Finish&, int64_t slopes);

// For what a Concat is a part of: the own activations joined on channels.
Plane joined_plane(const SkipNode&);
void launch_concat(SkipNode*, const Address& target, const Finish&, int64_t slopes);

// The operators that are not PatchSkip, as make_plan.
Plan plan_patch_mask(const Attributes&, const Tensor* inputs, int n_inputs, int n_outputs, const Device&);
Plan plan_patch_gate(const Attributes&, const Tensor* inputs, int n_inputs, int n_outputs, const Device&);

// A node with a threshold: of what was computed, at `target`, only that goes to Y which differs from it.
void plan_commit(SkipNode*, int n_outputs);

}  // namespace cuda
}  // namespace patchskip
