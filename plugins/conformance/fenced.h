// Memory that ends at an unmapped page and begins after a pattern: reading or writing past its end is a fault, and
// writing before its beginning is seen.
#pragma once
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

namespace patchskip {

class Fenced {
 public:
  explicit Fenced(size_t size) : size_(size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    inner_ = (size + kPattern + page - 1) / page * page;
    mapped_ = inner_ + page;
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("out of memory");
    base_ = static_cast<unsigned char*>(memory);
    if (mprotect(base_ + inner_, page, PROT_NONE)) throw std::runtime_error("mprotect failed");
    memset(base_, kByte, inner_ - size);
  }
  ~Fenced() { munmap(base_, mapped_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;

  void* data() { return base_ + inner_ - size_; }
  size_t size() const { return size_; }

  bool Intact() const {
    for (const unsigned char* byte = base_; byte < base_ + inner_ - size_; ++byte) {
      if (*byte != kByte) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kPattern = 256;
  static constexpr unsigned char kByte = 0xff;  // as float32, NaN
  size_t size_, inner_, mapped_;
  unsigned char* base_;
};

}  // namespace patchskip
