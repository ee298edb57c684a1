// Attributes that are kept: a plugin outlives the model that it was parsed from, and lies in an engine as bytes.
#pragma once
#include <map>

#include "common/attributes.h"

namespace patchskip {

class StoredAttributes : public Attributes {
 public:
  void set(const std::string& name, const std::vector<int64_t>& values) { values_[name] = {PS_INTS, values, {}, ""}; }
  void set(const std::string& name, const std::vector<float>& values) { values_[name] = {PS_FLOATS, {}, values, ""}; }
  void set(const std::string& name, const std::string& value) { values_[name] = {PS_STRING, {}, {}, value}; }

  bool find(const char* name, std::vector<int64_t>* values) const override {
    return copy(name, PS_INTS, &Value::ints, values);
  }
  bool find(const char* name, std::vector<float>* values) const override {
    return copy(name, PS_FLOATS, &Value::floats, values);
  }
  bool find(const char* name, std::string* value) const override { return copy(name, PS_STRING, &Value::text, value); }

  std::string bytes() const;
  // Throws Error when these are not, or not all of, what `bytes` gave.
  static StoredAttributes from_bytes(const void* bytes, size_t size);

 private:
  struct Value {
    ps_kind kind;
    std::vector<int64_t> ints;
    std::vector<float> floats;
    std::string text;
  };

  template <typename T>
  bool copy(const char* name, ps_kind kind, T Value::* member, T* to) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return false;
    expect(found->second.kind == kind, std::string("attribute ") + name + " has the wrong type");
    *to = found->second.*member;
    return true;
  }

  std::map<std::string, Value> values_;
};

}  // namespace patchskip
