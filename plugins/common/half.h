// float16 as its bits, on machines that do not compute with it.
#pragma once
#include <cstdint>
#include <cstring>

namespace patchskip {

inline float float_of_half(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const int exponent = bits >> 10 & 31;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) / 16777216.0f;  // subnormal: mantissa * 2^-24
    return sign ? -value : value;
  }
  const uint32_t word =
      sign | (exponent == 31 ? 0x7f800000u : static_cast<uint32_t>(exponent + 112) << 23) | mantissa << 13;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

// To the nearest, ties to even.
inline uint16_t half_of_float(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  const uint16_t sign = static_cast<uint16_t>(word >> 16 & 0x8000);
  const uint32_t size = word & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;                     // NaN, as the GPU has it
  if (size >= 0x477ff000) return sign | 0x7c00;             // 65520 and more: infinity
  if (size < 0x33000001) return sign;                       // 2^-25 and less: zero
  const int exponent = static_cast<int>(size >> 23) - 112;  // of the half
  const uint32_t mantissa = (size & 0x7fffff) | 0x800000;
  const int shift = exponent >= 1 ? 13 : 14 - exponent;
  uint32_t kept = mantissa >> shift;
  const uint32_t rest = mantissa & ((1u << shift) - 1), tie = 1u << (shift - 1);
  kept += rest > tie || (rest == tie && (kept & 1));
  return static_cast<uint16_t>(sign | (exponent >= 1 ? kept + (static_cast<uint32_t>(exponent - 1) << 10) : kept));
}

}  // namespace patchskip
