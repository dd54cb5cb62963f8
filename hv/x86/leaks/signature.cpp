#include "hv/x86/leaks/signature.hpp"

#include <cstring>
#include <string_view>

namespace hv::x86 {

Vendor vendor_of(const CpuidLeaf& zero) {
    char text[12];
    std::memcpy(text, &zero.ebx, 4);
    std::memcpy(text + 4, &zero.edx, 4);
    std::memcpy(text + 8, &zero.ecx, 4);
    const std::string_view name{text, sizeof text};
    if (name == "GenuineIntel") return Vendor::Intel;
    if (name == "AuthenticAMD") return Vendor::Amd;
    if (name == "HygonGenuine") return Vendor::Hygon;
    if (name == "CentaurHauls" || name == "  Shanghai  ") return Vendor::Centaur;
    return Vendor::Other;
}

Signature signature_of(std::uint32_t leaf_one_eax) {
    constexpr std::uint32_t kExtendedFamily = 0xf, kExtendedModelSince = 6;
    Signature signature{
        .family = (leaf_one_eax >> 8) & 0xf, .model = (leaf_one_eax >> 4) & 0xf, .stepping = leaf_one_eax & 0xf};
    if (signature.family >= kExtendedModelSince) signature.model |= ((leaf_one_eax >> 16) & 0xf) << 4;
    if (signature.family == kExtendedFamily) signature.family += (leaf_one_eax >> 20) & 0xff;
    return signature;
}

}  // namespace hv::x86
