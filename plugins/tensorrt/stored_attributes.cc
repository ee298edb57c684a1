#include "tensorrt/stored_attributes.h"

#include <cstring>

namespace patchskip {
namespace {

// Begins the bytes. The number changes with what follows and with what it means, so that an older engine is refused.
const char kHeader[] = "patchskip node 2";

class Writer {
 public:
  std::string bytes;

  void raw(const void* from, size_t size) { bytes.append(static_cast<const char*>(from), size); }
  void number(size_t value) {
    const uint32_t count = static_cast<uint32_t>(value);
    raw(&count, sizeof(count));
  }
  template <typename Sequence>
  void sequence(const Sequence& values) {
    number(values.size());
    raw(values.data(), values.size() * sizeof(*values.data()));
  }
};

class Reader {
 public:
  Reader(const void* bytes, size_t size) : at_(static_cast<const char*>(bytes)), left_(size) {}

  size_t left() const { return left_; }
  const char* raw(size_t size) {
    expect(size <= left_, "the engine's node is truncated; build the engine again");
    at_ += size;
    left_ -= size;
    return at_ - size;
  }
  size_t number() {
    uint32_t count = 0;
    std::memcpy(&count, raw(sizeof(count)), sizeof(count));
    return count;
  }
  template <typename Sequence>
  Sequence sequence() {
    const size_t count = number();
    const char* from = raw(count * sizeof(typename Sequence::value_type));
    Sequence values(count, 0);
    if (count) std::memcpy(&values[0], from, count * sizeof(typename Sequence::value_type));
    return values;
  }

 private:
  const char* at_;
  size_t left_;
};

}  // namespace

std::string StoredAttributes::bytes() const {
  Writer writer;
  writer.raw(kHeader, sizeof(kHeader));
  writer.number(values_.size());
  for (const auto& entry : values_) {
    writer.sequence(entry.first);
    writer.number(entry.second.kind);
    writer.sequence(entry.second.ints);
    writer.sequence(entry.second.floats);
    writer.sequence(entry.second.text);
  }
  return writer.bytes;
}

StoredAttributes StoredAttributes::from_bytes(const void* bytes, size_t size) {
  Reader reader(bytes, size);
  bool known = std::memcmp(reader.raw(sizeof(kHeader)), kHeader, sizeof(kHeader)) == 0;
  StoredAttributes made;
  for (size_t count = known ? reader.number() : 0; count > 0; --count) {
    Value& value = made.values_[reader.sequence<std::string>()];
    const size_t kind = reader.number();
    known = known && kind <= PS_STRING;
    value.kind = known ? static_cast<ps_kind>(kind) : PS_INTS;
    value.ints = reader.sequence<std::vector<int64_t>>();
    value.floats = reader.sequence<std::vector<float>>();
    value.text = reader.sequence<std::string>();
  }
  expect(known && reader.left() == 0,
         "the engine's node was not written by this version of the plugin; build the engine again");
  return made;
}

}  // namespace patchskip
