// The C interface of the planner: what a node asks of a GPU (plan.h), for bindings that launch kernels themselves.
#pragma once
#include "patchskip.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ps_plan ps_plan;

// One kernel launch; `params` is its only argument, by value.
typedef struct {
  const char* kernel;
  int32_t blocks, threads, shared_bytes, params_bytes;
  union {
    char params[1024];
    double aligned;
  };
} ps_launch;

enum { PS_MOST_LAUNCHES = 6 };

// As ps_create, for a node of a prepared model: its constants are packed into its last input. The tensors' data is not
// read; null says that an optional input is absent. sm: 10 * major + minor. Null on error (ps_last_error).
PS_API ps_plan* ps_plan_create(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                               int32_t n_inputs, int32_t n_outputs, int32_t sm, int32_t multiprocessors);
PS_API void ps_plan_destroy(ps_plan*);

PS_API int64_t ps_plan_workspace(const ps_plan*);  // bytes; the memory must be aligned to 256

// The type and shape of an output: 0, or 1 when there is no such output.
PS_API int32_t ps_plan_output(const ps_plan*, int32_t output, ps_tensor* like);

// The launches of one execution on this memory, in order -> how many. Callable from several threads.
PS_API int32_t ps_plan_launches(const ps_plan*, const void* const* inputs, void* const* outputs, void* workspace,
                                ps_launch launches[PS_MOST_LAUNCHES]);

// Packs the constants of a node of an exported model for weights of type `dtype`. Writes the indices of the inputs that
// they replace to `replaced` (room for n_inputs) and their number to `n_replaced`, and the packed words to `words`
// unless that is null. -> the number of words, or -1 on error. Only the constant inputs' data is read.
PS_API int64_t ps_pack(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                       int32_t n_inputs, int32_t dtype, float* words, int32_t* replaced, int32_t* n_replaced);

// What a node of a prepared model looks like from outside (signature.h), by its operator and attributes. Tensors tell
// type and shape; where only one of these is read, the other need not be known. On error: -1 (ps_last_error).

// The names of an operator's attributes; null beyond the last, and for an unknown operator.
PS_API const char* ps_attribute_name(const char* name, int32_t index);
PS_API int32_t ps_output_count(const char* name, const ps_attribute* attributes, int32_t count);
// Writes the extents of an output -> their number. Of the inputs' shapes.
PS_API int32_t ps_output_shape(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                               int32_t n_inputs, int32_t output, int64_t shape[6]);
// -> ps_dtype. Of the inputs' types.
PS_API int32_t ps_output_type(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                              int32_t n_inputs, int32_t output);
// May the last of these be of its type, given those before it? Inputs and, behind them, outputs. -> 1 or 0.
PS_API int32_t ps_accepts(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* tensors,
                          int32_t n_tensors, int32_t n_inputs);
// The input whose memory the output is to be, or -1; an error is one of ps_output_count too.
PS_API int32_t ps_aliased_input(const char* name, const ps_attribute* attributes, int32_t count, int32_t output);

#ifdef __cplusplus
}
#endif
