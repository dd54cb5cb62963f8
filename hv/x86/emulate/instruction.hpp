// Decoding of the few instructions that hv carries out for a guest (Intel SDM volume 2, "Instruction Format").
#pragma once

#include <array>
#include <cstdint>

#include "hv/base/types.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

struct Instruction {
    std::uint8_t length = 0;
    std::uint16_t opcode = 0;  // one byte, or 0x0f00 | second byte
    std::uint8_t rex = 0;
    bool operand16 = false;  // 0x66
    bool rep = false;        // 0xf3
    bool repne = false;      // 0xf2
    bool lock = false;
    std::uint8_t segment = 0;  // override prefix: 0x64 fs, 0x65 gs, 0 none
    bool has_modrm = false;
    std::uint8_t mod = 0, reg = 0, rm = 0;  // with REX
    std::uint64_t memory = 0;               // effective address (without segment base) when mod != 3
    std::uint64_t immediate = 0;            // sign-extended

    bool wide() const { return rex & 8; }
    unsigned operand_bytes() const { return wide() ? 8 : operand16 ? 2 : 4; }
};

// A general register by its number.
std::uint64_t& register_of(TrapFrame& frame, unsigned number);

// Decodes 64-bit code at `frame.rip`, fetched once. False: not readable, or nothing that hv knows the shape of.
bool decode(const TrapFrame& frame, Instruction& instruction);
// The same on bytes at hand; for tests.
bool decode_bytes(const TrapFrame& frame, const std::uint8_t* bytes, unsigned available, Instruction& instruction);

}  // namespace hv::x86
