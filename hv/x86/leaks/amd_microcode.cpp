#include "hv/x86/leaks/amd_microcode.hpp"

namespace hv::x86 {
namespace {

// The first microcode that is good. All but the last byte of a revision tells which processor it is for.
constexpr std::uint32_t kTsaRevisions[] = {
    0x0a00'11d7, 0x0a00'123b, 0x0a00'820d, 0x0a10'114c, 0x0a10'124c, 0x0a10'8109, 0x0a20'102e, 0x0a20'1211,
    0x0a40'4108, 0x0a50'0012, 0x0a60'120a, 0x0a70'4108, 0x0a70'5208, 0x0a70'8008, 0x0a70'c008, 0x0aa0'0216,
};

struct ZenbleedRevision {
    std::uint8_t first_model, last_model;
    std::uint32_t revision;
};
constexpr ZenbleedRevision kZenbleedRevisions[] = {
    {0x30, 0x3f, 0x0830'107b}, {0x60, 0x67, 0x0860'010c}, {0x68, 0x6f, 0x0860'8107},
    {0x70, 0x7f, 0x0870'1033}, {0xa0, 0xaf, 0x08a0'0009},
};

}  // namespace

bool microcode_mends_zenbleed(const Identification& id) {
    for (const ZenbleedRevision& row : kZenbleedRevisions)
        if (row.first_model <= id.signature.model && id.signature.model <= row.last_model)
            return id.microcode >= row.revision;
    return false;
}

bool microcode_has_tsa_verw(const Identification& id) {
    for (std::uint32_t revision : kTsaRevisions)
        if (revision >> 8 == id.microcode >> 8) return id.microcode >= revision;
    return false;
}

}  // namespace hv::x86
