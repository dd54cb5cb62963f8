// What hv says it is.
#pragma once

#include <cstdint>

namespace hv {

inline constexpr char kHvName[] = "hv";
inline constexpr char kHvVersion[] = "0.1.0";

// The version of Xen whose public interface hv offers; guests compare it to decide what they may use.
inline constexpr std::uint32_t kXenMajor = 4;
inline constexpr std::uint32_t kXenMinor = 17;
inline constexpr char kExtraVersion[] = ".0-hv";
inline constexpr char kCapabilities[] = "xen-3.0-x86_64";
inline constexpr std::uint32_t kXenVersionWord = (kXenMajor << 16) | kXenMinor;

}  // namespace hv
