#include "hv/x86/leaks/returns.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint32_t kLine = 64;
constexpr std::size_t kJumpBytes = 5;
constexpr std::uint8_t kJump = 0xe9, kReturn = 0xc3, kBreakpoint = 0xcc;

}  // namespace

bool write_returns(std::span<std::uint8_t> text, std::span<const std::uint32_t> sites, bool upper_halves_only) {
    for (const std::uint32_t site : sites) {
        if (upper_halves_only && site % kLine < kLine / 2) continue;
        if (text.size() < kJumpBytes || site > text.size() - kJumpBytes) return false;
        // In this order: what is behind a return is never reached.
        volatile std::uint8_t* const code = text.subspan(site, kJumpBytes).data();
        if (code[0] != kJump) return false;
        code[0] = kReturn;
        for (std::size_t i = 1; i < kJumpBytes; ++i) code[i] = kBreakpoint;
    }
    return true;
}

}  // namespace hv::x86
