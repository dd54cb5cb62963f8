// Microcode files and the archives that they come in, under libFuzzer: a byte that says whose processor asks, and a
// file. Nothing may crash or read outside of its input; what is chosen is inside of it, for that processor, and newer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hv/x86/microcode/microcode.hpp"

namespace {

using namespace hv::x86;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_inside(Bytes part, Bytes file) {
    require(part.empty() || (part.data() >= file.data() && part.data() + part.size() <= file.data() + file.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr MicrocodeTarget kTargets[] = {{Vendor::Intel, 0x0005'0654, 1, 0x0200'005e},
                                            {Vendor::Amd, 0x00a0'0f11, 0, 0x0a00'1173}};
    const MicrocodeTarget& target = kTargets[data[0] % 2];
    const Bytes file = std::as_bytes(std::span{data + 1, size - 1});
    const auto check = [&](Bytes in) {
        const auto chosen = choose_microcode(in, target, true);
        if (!chosen) return;
        check_inside(chosen->patch, in);
        require(chosen->revision > target.revision && chosen->patch.size() >= 48);
    };
    check(file);
    const Bytes found = find_microcode(file, target.vendor);
    check_inside(found, file);
    check(found);
    return 0;
}
