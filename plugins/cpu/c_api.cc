// The C interface: exceptions become a status and a message of the thread.
#include <cstring>
#include <string>

#include "operator.h"
#include "threads.h"

namespace {

thread_local std::string last_error;

class ListedAttributes : public patchskip::Attributes {
 public:
  ListedAttributes(const ps_attribute* list, int count) : list_(list), count_(count) {}

  bool find(const char* name, std::vector<int64_t>* values) const override { return copy(name, PS_INTS, values); }
  bool find(const char* name, std::vector<float>* values) const override { return copy(name, PS_FLOATS, values); }
  bool find(const char* name, std::string* value) const override {
    const ps_attribute* found = entry(name, PS_STRING);
    if (found) value->assign(static_cast<const char*>(found->values), found->count);
    return found != nullptr;
  }

 private:
  const ps_attribute* entry(const char* name, int kind) const {
    for (int i = 0; i < count_; ++i) {
      if (std::strcmp(list_[i].name, name) != 0) continue;
      patchskip::expect(list_[i].kind == kind, std::string("attribute ") + name + " has the wrong type");
      return &list_[i];
    }
    return nullptr;
  }

  template <typename T>
  bool copy(const char* name, int kind, std::vector<T>* values) const {
    const ps_attribute* found = entry(name, kind);
    if (found) {
      const T* first = static_cast<const T*>(found->values);
      values->assign(first, first + found->count);
    }
    return found != nullptr;
  }

  const ps_attribute* list_;
  int count_;
};

template <typename Body>
int32_t guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    last_error = error.what();
    return 1;
  }
}

}  // namespace

struct ps_operator {
  std::unique_ptr<patchskip::Operator> implementation;
};

const char* ps_version(void) { return "1"; }

const char* ps_last_error(void) { return last_error.c_str(); }

ps_operator* ps_create(const char* name, const ps_attribute* attributes, int32_t count) {
  ps_operator* created = nullptr;
  guarded([&] {
    for (const patchskip::OperatorEntry& entry : patchskip::kOperators) {
      if (std::strcmp(entry.name, name) != 0) continue;
      created = new ps_operator{entry.make(ListedAttributes(attributes, count))};
      return;
    }
    throw patchskip::Error(std::string("there is no operator '") + name +
                           "'; expected PatchMask, PatchGate or PatchSkip");
  });
  return created;
}

int32_t ps_run(ps_operator* op, const ps_tensor* inputs, int32_t n_inputs, const ps_tensor* outputs,
               int32_t n_outputs) {
  return guarded([&] { op->implementation->run(inputs, n_inputs, outputs, n_outputs); });
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
