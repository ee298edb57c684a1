// The C interface of the operators.
#include <cstring>
#include <string>

#include "common/listed_attributes.h"
#include "common/status.h"
#include "operator.h"
#include "threads.h"

struct ps_operator {
  std::unique_ptr<patchskip::Operator> implementation;
};

const char* ps_version(void) { return "1"; }

const char* ps_compiler(void) {
#if defined(__clang__)
  return __VERSION__;
#else
  return "GCC " __VERSION__;
#endif
}

const char* ps_last_error(void) { return patchskip::last_error().c_str(); }

ps_operator* ps_create(const char* name, const ps_attribute* attributes, int32_t count) {
  ps_operator* created = nullptr;
  patchskip::guarded([&] {
    for (const patchskip::OperatorEntry& entry : patchskip::kOperators) {
      if (std::strcmp(entry.name, name) != 0) continue;
      created = new ps_operator{entry.make(patchskip::ListedAttributes(attributes, count))};
      return;
    }
    throw patchskip::Error(std::string("there is no operator '") + name +
                           "'; expected PatchMask, PatchGate or PatchSkip");
  });
  return created;
}

int32_t ps_run(ps_operator* op, const ps_tensor* inputs, int32_t n_inputs, const ps_tensor* outputs,
               int32_t n_outputs) {
  return patchskip::guarded([&] { op->implementation->run(inputs, n_inputs, outputs, n_outputs); });
}

void ps_destroy(ps_operator* op) { delete op; }

const char* ps_isa(void) { return patchskip::best_kernels()->isa; }

const char* ps_isas(void) {
  static const std::string list = [] {
    std::string text;
    int count = 0;
    const patchskip::Kernels* const* usable = patchskip::usable_kernels(&count);
    for (int i = 0; i < count; ++i) text += (i ? "," : "") + std::string(usable[i]->isa);
    return text;
  }();
  return list.c_str();
}

int32_t ps_set_isa(const char* name) { return patchskip::select_kernels(name) ? 0 : 1; }

void ps_set_threads(int32_t n) { patchskip::set_threads(n); }
