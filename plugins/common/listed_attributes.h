// The attributes of a call through the C interface.
#pragma once
#include <cstring>

#include "common/attributes.h"

namespace patchskip {

class ListedAttributes : public Attributes {
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
      expect(list_[i].kind == kind, std::string("attribute ") + name + " has the wrong type");
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

}  // namespace patchskip
