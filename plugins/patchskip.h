// The C interface of libpatchskip: the operators of docs/op-spec.md on plain memory, with no other runtime.
#pragma once
#include <stdint.h>

#define PS_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum ps_kind { PS_INTS = 0, PS_FLOATS = 1, PS_STRING = 2 };

typedef struct {
  const char* name;
  int32_t kind;
  int32_t count;       // values, or characters of a string
  const void* values;  // int64_t, float or char
} ps_attribute;

enum ps_dtype { PS_FLOAT32 = 1, PS_UINT8 = 2, PS_INT32 = 6, PS_FLOAT16 = 10 };  // ONNX's numbers

typedef struct {
  void* data;  // null: an optional input that is absent
  int32_t dtype;
  int32_t rank;
  int64_t shape[6];
} ps_tensor;

typedef struct ps_operator ps_operator;

// Of this interface and of the operators: 1.
PS_API const char* ps_version(void);

// What went wrong in the last call of this thread that failed.
PS_API const char* ps_last_error(void);

// name: PatchSkip, PatchGate or PatchMask. Null on error.
PS_API ps_operator* ps_create(const char* name, const ps_attribute* attributes, int32_t count);

// 0, or 1 on error: nothing has then been written. Constant inputs (weights) are packed at the first call.
// One operator may run in several threads at once, on different memory.
PS_API int32_t ps_run(ps_operator*, const ps_tensor* inputs, int32_t n_inputs, const ps_tensor* outputs,
                      int32_t n_outputs);

PS_API void ps_destroy(ps_operator*);

PS_API const char* ps_compiler(void);  // that made the library: "GCC 12.2.0"

PS_API const char* ps_isa(void);   // the instruction set in use
PS_API const char* ps_isas(void);  // those built in that this machine can run, best first, comma separated

// 0, or 1 when this machine cannot run it. Affects operators created afterwards.
PS_API int32_t ps_set_isa(const char* name);

// Threads for calls made by this thread; 0: the default, PATCHSKIP_THREADS or one for each core.
PS_API void ps_set_threads(int32_t n);

#ifdef __cplusplus
}
#endif
