// The file of cases that the conformance runner reads, and the file of answers that it writes.
//
// Little endian, nothing padded. `text` is an int32 length and its bytes. `tensor` is int32 dtype (ps_dtype; 0: absent,
// and nothing follows), int32 rank, int64 shape[rank] and the elements.
//
//   cases:   "PSCASES1", int32 count, then for each case:
//            text operator, int32 threads,
//            int32 attributes: text name, int32 kind (ps_kind), int32 count, the values (int64, float or char),
//            int32 inputs: tensor,
//            int32 outputs: int32 alias (the input whose memory it is, or -1), tensor (what the memory holds before).
//   answers: "PSANSWER", then for each case, written as soon as it has run:
//            int32 status (Status), text message, and for each output its elements.
#pragma once
#include <stdint.h>
#include <stdio.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace patchskip {

enum Status { kDone = 0, kNotCreated = 1, kNotRun = 2, kWroteOutside = 3, kWroteInput = 4 };

class Reader {
 public:
  explicit Reader(const char* path) : file_(fopen(path, "rb")) {
    if (!file_) throw std::runtime_error(std::string("cannot read ") + path);
  }
  ~Reader() { fclose(file_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void Bytes(void* data, size_t size) {
    if (size && fread(data, 1, size, file_) != size) throw std::runtime_error("the file of cases is truncated");
  }
  template <typename T>
  T Value() {
    T value;
    Bytes(&value, sizeof value);
    return value;
  }
  std::string Text() {
    std::string text(Value<int32_t>(), '\0');
    Bytes(&text[0], text.size());
    return text;
  }

 private:
  FILE* file_;
};

class Writer {
 public:
  explicit Writer(const char* path) : file_(fopen(path, "wb")) {
    if (!file_) throw std::runtime_error(std::string("cannot write ") + path);
  }
  ~Writer() { fclose(file_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Bytes(const void* data, size_t size) {
    if (size && fwrite(data, 1, size, file_) != size) throw std::runtime_error("cannot write the answers");
  }
  template <typename T>
  void Value(T value) {
    Bytes(&value, sizeof value);
  }
  void Text(const std::string& text) {
    Value<int32_t>(static_cast<int32_t>(text.size()));
    Bytes(text.data(), text.size());
  }
  void Flush() { fflush(file_); }

 private:
  FILE* file_;
};

}  // namespace patchskip
