#include "hv/x86/emulate/instruction.hpp"

#include "hv/memory/guest_access.hpp"

namespace hv::x86 {
namespace {

class Bytes {
  public:
    Bytes(const std::uint8_t* data, unsigned size) : data_{data}, size_{size} {}
    bool next(std::uint8_t& byte) {
        if (used_ >= size_) return false;
        byte = data_[used_++];
        return true;
    }
    bool peek(std::uint8_t& byte) const {
        if (used_ >= size_) return false;
        byte = data_[used_];
        return true;
    }
    bool number(unsigned bytes, std::uint64_t& value) {
        if (used_ + bytes > size_) return false;
        std::uint64_t raw = 0;
        for (unsigned i = 0; i < bytes; ++i) raw |= std::uint64_t{data_[used_ + i]} << (8 * i);
        used_ += bytes;
        const unsigned unused = 64 - 8 * bytes;
        value = static_cast<std::uint64_t>(static_cast<std::int64_t>(raw << unused) >> unused);
        return true;
    }
    unsigned used() const { return used_; }

  private:
    const std::uint8_t* data_;
    unsigned size_;
    unsigned used_ = 0;
};

struct Shape {
    bool known = false;
    bool modrm = false;
    unsigned immediate_bytes = 0;  // kOperandSized: 4, or 2 with 0x66
};
constexpr unsigned kOperandSized = 0xff;

Shape shape_of(std::uint16_t opcode) {
    switch (opcode) {
        case 0x6c:
        case 0x6d:
        case 0x6e:
        case 0x6f:  // ins, outs
        case 0xec:
        case 0xed:
        case 0xee:
        case 0xef:  // in, out through dx
        case 0xf4:
        case 0xfa:
        case 0xfb:
        case 0xcb:
        case 0xcf:
        case 0xaa:
        case 0xab:
        case 0xa4:
        case 0xa5:  // hlt, cli, sti, far ret, iret, stos, movs
        case 0x0f06:
        case 0x0f08:
        case 0x0f09:
        case 0x0f30:
        case 0x0f31:
        case 0x0f32:
        case 0x0f33:
        case 0x0fa2: return {true, false, 0};
        case 0xcd:
        case 0xe4:
        case 0xe5:
        case 0xe6:
        case 0xe7: return {true, false, 1};  // int n; in, out with a port
        case 0x86:
        case 0x87:
        case 0x88:
        case 0x89:
        case 0x01:
        case 0x09:
        case 0x21:
        case 0x29:
        case 0x31:  // xchg, mov, arithmetic
        case 0x0f00:
        case 0x0f01:
        case 0x0f20:
        case 0x0f21:
        case 0x0f22:
        case 0x0f23:
        case 0x0fb0:
        case 0x0fb1:
        case 0x0fab:
        case 0x0fb3:
        case 0x0fbb:
        case 0x0fc1:
        case 0x0fc7:  // cmpxchg, bts, btr, btc, xadd
            return {true, true, 0};
        case 0xca: return {true, false, 2};  // far ret that takes bytes off the stack
        case 0x80:
        case 0x83:
        case 0xc6:
        case 0x0fba: return {true, true, 1};
        case 0x81:
        case 0xc7: return {true, true, kOperandSized};
        default: return {};
    }
}

bool decode_memory(const TrapFrame& frame, Bytes& bytes, Instruction& out, unsigned& rip_relative) {
    auto& registers = const_cast<TrapFrame&>(frame);
    std::uint64_t displacement = 0;
    const unsigned base_field = out.rm & 7;
    if (base_field == 4) {
        std::uint8_t sib;
        if (!bytes.next(sib)) return false;
        const unsigned index = ((sib >> 3) & 7u) | ((out.rex & 2u) << 2);
        const unsigned base = (sib & 7u) | ((out.rex & 1u) << 3);
        if (index != 4) out.memory += register_of(registers, index) << (sib >> 6);
        if ((sib & 7) == 5 && out.mod == 0) {
            if (!bytes.number(4, displacement)) return false;
        } else {
            out.memory += register_of(registers, base);
        }
    } else if (base_field == 5 && out.mod == 0) {
        if (!bytes.number(4, displacement)) return false;
        rip_relative = 1;
    } else {
        out.memory += register_of(registers, out.rm);
    }
    if (out.mod == 1 && !bytes.number(1, displacement)) return false;
    if (out.mod == 2 && !bytes.number(4, displacement)) return false;
    out.memory += displacement;
    return true;
}

}  // namespace

std::uint64_t& register_of(TrapFrame& frame, unsigned number) {
    switch (number & 15) {
        case 0: return frame.rax;
        case 1: return frame.rcx;
        case 2: return frame.rdx;
        case 3: return frame.rbx;
        case 4: return frame.rsp;
        case 5: return frame.rbp;
        case 6: return frame.rsi;
        case 7: return frame.rdi;
        case 8: return frame.r8;
        case 9: return frame.r9;
        case 10: return frame.r10;
        case 11: return frame.r11;
        case 12: return frame.r12;
        case 13: return frame.r13;
        case 14: return frame.r14;
        default: return frame.r15;
    }
}

bool decode_bytes(const TrapFrame& frame, const std::uint8_t* data, unsigned available, Instruction& out) {
    Bytes bytes{data, available > 15 ? 15 : available};
    std::uint8_t byte;
    for (;;) {
        if (!bytes.next(byte)) return false;
        if (byte == 0x66)
            out.operand16 = true;
        else if (byte == 0xf3)
            out.rep = true;
        else if (byte == 0xf2)
            out.repne = true;
        else if (byte == 0xf0)
            out.lock = true;
        else if (byte == 0x64 || byte == 0x65)
            out.segment = byte;
        else if (byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26)
            continue;  // no meaning in 64-bit code
        else
            break;
    }
    if ((byte & 0xf0) == 0x40) {
        out.rex = byte;
        if (!bytes.next(byte)) return false;
    }
    out.opcode = byte;
    if (byte == 0x0f) {
        if (!bytes.next(byte)) return false;
        out.opcode = static_cast<std::uint16_t>(0x0f00 | byte);
    }
    const Shape shape = shape_of(out.opcode);
    if (!shape.known) return false;
    unsigned rip_relative = 0;
    if (shape.modrm) {
        if (!bytes.next(byte)) return false;
        out.has_modrm = true;
        out.mod = byte >> 6;
        out.reg = static_cast<std::uint8_t>(((byte >> 3) & 7) | ((out.rex & 4) << 1));
        out.rm = static_cast<std::uint8_t>((byte & 7) | ((out.rex & 1) << 3));
        if (out.mod != 3 && !decode_memory(frame, bytes, out, rip_relative)) return false;
    }
    unsigned immediate = shape.immediate_bytes;
    if (immediate == kOperandSized) immediate = out.operand16 && !out.wide() ? 2 : 4;
    if (immediate != 0 && !bytes.number(immediate, out.immediate)) return false;
    out.length = static_cast<std::uint8_t>(bytes.used());
    if (rip_relative) out.memory += frame.rip + out.length;
    return true;
}

bool decode(const TrapFrame& frame, Instruction& instruction) {
    // One more than an instruction can have, since that is two words. At the end of a page, so many need not be
    // readable.
    std::uint8_t bytes[16];
    constexpr unsigned kFetched = sizeof bytes;
    const std::uint64_t in_page = kPageSize - (frame.rip & (kPageSize - 1));
    unsigned available = in_page < kFetched ? static_cast<unsigned>(in_page) : kFetched;
    if (!copy_from_guest(bytes, GuestVirtual{frame.rip}, available)) return false;
    if (available < kFetched &&
        copy_from_guest(bytes + available, GuestVirtual{frame.rip + available}, kFetched - available))
        available = kFetched;
    return decode_bytes(frame, bytes, available, instruction);
}

}  // namespace hv::x86
