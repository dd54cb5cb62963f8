#include "hv/base/decompress/bcj_x86.hpp"

#include <bit>

#include "hv/base/unaligned.hpp"

namespace hv {
namespace {

constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
constexpr std::size_t kOperand = 4;  // bytes after the opcode

constexpr bool is_opcode(std::uint8_t byte) {
    return (byte & 0xfe) == 0xe8;
}  // CALL or JMP with a 32-bit target
constexpr bool is_sign(std::uint8_t byte) {
    return byte == 0 || byte == 0xff;
}  // top byte of a target within 16 MiB

// Offset of the first byte in `word` that may be an opcode, 8 if there is none. (The lowest hit is never a false one.)
std::size_t first_opcode(std::uint64_t word) {
    const std::uint64_t zero_if_opcode = (word & 0xfe * kEachByte) ^ 0xe8 * kEachByte;
    const std::uint64_t hits = (zero_if_opcode - kEachByte) & ~zero_if_opcode & 0x80 * kEachByte;
    return hits == 0 ? 8 : static_cast<std::size_t>(std::countr_zero(hits)) / 8;
}

// A target of 25 bits with its sign spread over the seven above.
constexpr std::uint32_t sign_extended(std::uint32_t target) {
    return (target & 0x00ff'ffff) | (std::uint32_t{0} - (target & 0x0100'0000));
}

}  // namespace

// The packer leaves an opcode alone whose operand is not a near target, and distrusts what comes within the next three
// bytes, which may be that one's operand and not an instruction. `skipped` has a bit for each of the last three bytes,
// bit 0 for the latest, that was such an opcode.
void unfilter_bcj_x86(std::span<std::byte> code, std::uint32_t start) {
    if (code.size() <= kOperand) return;
    auto* const bytes = reinterpret_cast<std::uint8_t*>(code.data());
    const std::size_t end = code.size() - kOperand;
    std::uint32_t skipped = 0;
    for (std::size_t at = 0; at < end;) {
        if (skipped == 0 && end - at >= 8) {
            const std::size_t distance = first_opcode(load64(bytes + at));
            at += distance;
            if (distance == 8) continue;
        }
        if (!is_opcode(bytes[at])) {
            skipped = skipped << 1 & 7;
            ++at;
            continue;
        }
        const auto back = static_cast<std::uint32_t>(std::bit_width(skipped));  // to the earliest skipped opcode
        const bool distrusted =
            skipped != 0 && ((skipped & (skipped - 1)) != 0 || is_sign(bytes[at + kOperand - back]));
        if (distrusted || !is_sign(bytes[at + kOperand])) {
            skipped = (skipped << 1 | 1) & 7;
            ++at;
            continue;
        }
        const std::uint32_t next = start + static_cast<std::uint32_t>(at + 1 + kOperand);
        std::uint32_t target = load32(bytes + at + 1) - next;
        // The packer made sure that its result does not look like the sign of the skipped opcode's operand either.
        const std::uint32_t low_bits = 32 - 8 * back;
        if (back != 0 && is_sign(static_cast<std::uint8_t>(target >> (low_bits - 8))))
            target = (target ^ ((std::uint32_t{1} << low_bits) - 1)) - next;
        store32(bytes + at + 1, sign_extended(target));
        at += 1 + kOperand;
        skipped = 0;
    }
}

}  // namespace hv
