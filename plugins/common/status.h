// Exceptions become a status and a message of the thread.
#pragma once
#include <cstdint>
#include <exception>
#include <string>

namespace patchskip {

inline std::string& last_error() {
  thread_local std::string text;
  return text;
}

template <typename Body>
int32_t guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    last_error() = error.what();
    return 1;
  }
}

}  // namespace patchskip
