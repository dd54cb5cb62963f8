// A PV kernel may change entries of its page tables with ordinary instructions: the mapping is read-only, the write
// faults, and it is carried out here as a checked update.
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "hv/x86/pv/traps/emulation.hpp"

namespace hv::x86 {
namespace {

enum Flags : std::uint64_t { kCarry = 1, kParity = 4, kAdjust = 16, kZero = 64, kSign = 128, kOverflow11 = 1u << 11 };
constexpr std::uint64_t kArithmeticFlags = kCarry | kParity | kAdjust | kZero | kSign | kOverflow11;

// What the instruction makes of the old entry. `write` false: nothing is stored.
struct Outcome {
    bool known = false;
    bool write = true;
    std::uint64_t value = 0;
};

void set_logic_flags(TrapFrame& frame, std::uint64_t result) {
    frame.rflags &= ~kArithmeticFlags;
    if (result == 0) frame.rflags |= kZero;
    if (result >> 63) frame.rflags |= kSign;
    if (!(__builtin_popcountll(result & 0xff) & 1)) frame.rflags |= kParity;
}

void set_carry(TrapFrame& frame, bool carry) {
    frame.rflags = (frame.rflags & ~std::uint64_t{kCarry}) | (carry ? std::uint64_t{kCarry} : 0);
}

// As CMP sets them, for operands of `bytes`.
void set_compare_flags(TrapFrame& frame, std::uint64_t left, std::uint64_t right, unsigned bytes) {
    const unsigned unused = 64 - 8 * bytes;
    const std::uint64_t result = left - right;
    set_logic_flags(frame, static_cast<std::uint64_t>(static_cast<std::int64_t>(result << unused) >> unused));
    if (left < right) frame.rflags |= kCarry;
    if ((left ^ right ^ result) & 0x10) frame.rflags |= kAdjust;
    if ((((left ^ right) & (left ^ result)) << unused) >> 63) frame.rflags |= kOverflow11;
}

// What a register becomes: 32 bits clear the upper half, fewer leave it.
std::uint64_t loaded(std::uint64_t reg, std::uint64_t operand, unsigned bytes) {
    return bytes >= 4 ? operand : (reg & ~std::uint64_t{0xffff}) | operand;
}

// Merges `bytes` of `value` at `offset` into the entry.
std::uint64_t merge(std::uint64_t old, std::uint64_t value, unsigned offset, unsigned bytes) {
    if (bytes == 8) return value;
    const std::uint64_t mask = ((std::uint64_t{1} << (8 * bytes)) - 1) << (8 * offset);
    return (old & ~mask) | ((value << (8 * offset)) & mask);
}

Outcome bit_operation(TrapFrame& frame, unsigned kind, unsigned bit, std::uint64_t old) {
    const std::uint64_t mask = std::uint64_t{1} << bit;
    if (kind < 4) return {};
    set_carry(frame, old & mask);
    switch (kind) {
        case 5: return {true, true, old | mask};   // BTS
        case 6: return {true, true, old & ~mask};  // BTR
        case 7: return {true, true, old ^ mask};   // BTC
        default: return {true, false, old};        // BT
    }
}

// `old` is the whole entry, `offset` where in it the operand begins.
Outcome execute(TrapFrame& frame, const Instruction& in, std::uint64_t old, unsigned offset) {
    const unsigned bytes = in.operand_bytes();
    const std::uint64_t operand = bytes == 8 ? old : (old >> (8 * offset)) & ((std::uint64_t{1} << (8 * bytes)) - 1);
    std::uint64_t& reg = register_of(frame, in.reg);
    switch (in.opcode) {
        case 0x89: return {true, true, merge(old, reg, offset, bytes)};           // MOV
        case 0xc7: return {true, true, merge(old, in.immediate, offset, bytes)};  // MOV immediate
        case 0xab: return {true, true, merge(old, frame.rax, offset, bytes)};     // STOS
        case 0x87: {                                                              // XCHG
            const std::uint64_t value = reg;
            reg = loaded(reg, operand, bytes);
            return {true, true, merge(old, value, offset, bytes)};
        }
        case 0x0fb1: {  // CMPXCHG
            const std::uint64_t expected = bytes == 8 ? frame.rax : frame.rax & ((std::uint64_t{1} << (8 * bytes)) - 1);
            set_compare_flags(frame, expected, operand, bytes);
            if (expected == operand) return {true, true, merge(old, reg, offset, bytes)};
            frame.rax = loaded(frame.rax, operand, bytes);
            return {true, false, old};
        }
        case 0x0fba:
            return bit_operation(frame, in.reg & 7u, (8 * offset + (in.immediate & (8 * bytes - 1))) & 63, old);
        case 0x21:
        case 0x09:
        case 0x31: {  // AND, OR, XOR
            if (bytes != 8) return {};
            const std::uint64_t value = in.opcode == 0x21 ? old & reg : in.opcode == 0x09 ? old | reg : old ^ reg;
            set_logic_flags(frame, value);
            return {true, true, value};
        }
        case 0x81:
        case 0x83: {
            if (bytes != 8) return {};
            std::uint64_t value;
            switch (in.reg & 7) {
                case 1: value = old | in.immediate; break;
                case 4: value = old & in.immediate; break;
                case 6: value = old ^ in.immediate; break;
                default: return {};
            }
            set_logic_flags(frame, value);
            return {true, true, value};
        }
        case 0x80: {  // byte AND, OR
            const unsigned at = 8 * offset;
            const auto byte = static_cast<std::uint8_t>(old >> at);
            std::uint8_t value;
            if ((in.reg & 7) == 1)
                value = byte | static_cast<std::uint8_t>(in.immediate);
            else if ((in.reg & 7) == 4)
                value = byte & static_cast<std::uint8_t>(in.immediate);
            else
                return {};
            set_logic_flags(frame,
                            static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int8_t>(value))));
            return {true, true, merge(old, value, offset, 1)};
        }
        default: return {};
    }
}

// Bit instructions with a register operand address memory beyond the operand.
bool is_far_bit_operation(const Instruction& in) {
    return in.opcode == 0x0fab || in.opcode == 0x0fb3 || in.opcode == 0x0fbb;
}

Outcome execute_far_bit(TrapFrame& frame, const Instruction& in, std::uint64_t address, std::uint64_t old) {
    const std::uint64_t raw = register_of(frame, in.reg);
    const auto index = in.wide() ? static_cast<std::int64_t>(raw) : static_cast<std::int32_t>(raw);
    // The faulting address is that of the unit that holds the bit; find the bit within the entry.
    const std::uint64_t first_bit = in.memory * 8 + static_cast<std::uint64_t>(index);
    if ((first_bit / 8 & ~std::uint64_t{7}) != (address & ~std::uint64_t{7})) return {};
    const unsigned bit = static_cast<unsigned>(first_bit & 63);
    const unsigned kind = in.opcode == 0x0fab ? 5 : in.opcode == 0x0fb3 ? 6 : 7;
    return bit_operation(frame, kind, bit, old);
}

// Is the faulting address that of the operand? It is not when the operand began in the page before, or when another
// vCPU replaced the instruction. A segment's base is not known here.
bool writes_at(const TrapFrame& frame, const Instruction& in, std::uint64_t address) {
    if (in.opcode == 0xab) return frame.rdi == address;
    return in.segment != 0 || in.memory == address;
}

}  // namespace

[[gnu::hot]] bool emulate_table_write(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address) {
    if (!finish_unfinished(vcpu)) return true;  // the guest executes it again
    const Pte mapping = guest_l1_entry(vcpu, GuestVirtual{address});
    if (!is_present(mapping) || (mapping & kPteWritable)) return false;
    Result<FrameInfo*> info = get_frame(frame_in(mapping), vcpu.domain.id);
    if (!info) return false;
    bool handled = false;
    const Result<FrameType> type = lock_table(**info);
    if (!type) {
        handled = true;  // the guest executes it again
    } else if (*type != FrameType::None) {
        Instruction in;
        if (decode(frame, in) && (in.mod != 3 || in.opcode == 0xab) && !(in.rep || in.repne)) {
            const unsigned offset = static_cast<unsigned>(address & 7);
            const unsigned index = static_cast<unsigned>((address & (kPageSize - 1)) / sizeof(Pte));
            Pte* entry = static_cast<Pte*>(frame_pointer(frame_in(mapping))) + index;
            const Pte old = __atomic_load_n(entry, __ATOMIC_RELAXED);
            // What the instruction changes of these is put back when its write fails.
            std::uint64_t& operand = register_of(frame, in.reg);
            const std::uint64_t operand_before = operand, rax_before = frame.rax, rflags_before = frame.rflags;
            const bool far = is_far_bit_operation(in);
            const bool inside = far || (writes_at(frame, in, address) &&
                                        offset + (in.opcode == 0x80 ? 1u : in.operand_bytes()) <= sizeof(Pte));
            const Outcome outcome = !inside ? Outcome{}
                                    : far   ? execute_far_bit(frame, in, address, old)
                                            : execute(frame, in, old, offset);
            if (outcome.known) {
                const Result<> written =
                    !outcome.write ? Result<>{}
                                   : replace_entry(**info, level_of(*type), index, old, outcome.value, vcpu.domain);
                if (written) {
                    if (in.opcode == 0xab)
                        frame.rdi +=
                            (frame.rflags & kRflagsDf) ? 0 - std::uint64_t{in.operand_bytes()} : in.operand_bytes();
                    frame.rip += in.length;
                    handled = true;
                } else {
                    operand = operand_before;
                    frame.rax = rax_before;
                    frame.rflags = rflags_before;
                    // With these the guest executes it again.
                    handled = written.error() == Error::Restart || written.error() == Error::Again;
                }
            }
        }
        unlock_table(**info);
    }
    put_frame(**info);
    return handled;
}

}  // namespace hv::x86
