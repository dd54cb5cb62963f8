// SGDT, SIDT, SLDT, STR and SMSW of guests' programs on processors with UMIP, carried out with what a guest may know.
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint16_t kGroup6 = 0x0f00, kGroup7 = 0x0f01;
enum Group6 : unsigned { kSldt = 0, kStr = 1 };
enum Group7 : unsigned { kSgdt = 0, kSidt = 1, kSmsw = 4 };

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

// In 64-bit code only FS and GS add something to an address.
std::uint64_t segment_base(const Instruction& in) {
    constexpr std::uint8_t kFs = 0x64;
    if (in.segment == 0) return 0;
    return read_msr(in.segment == kFs ? Msr::FsBase : Msr::GsBase);
}

bool store(Vcpu& vcpu, TrapFrame& frame, const Instruction& in, const void* value, std::size_t bytes) {
    constexpr std::uint32_t kWrite = 2;
    const GuestVirtual at{in.memory + segment_base(in)};
    if (copy_to_guest(at, value, bytes)) {
        frame.rip += in.length;
    } else {
        deliver_page_fault(vcpu, frame, at.raw, kWrite);
    }
    return true;
}

}  // namespace

bool is_table_query(const Instruction& in) {
    const unsigned which = in.reg & 7u;
    if (in.opcode == kGroup6) return which == kSldt || which == kStr;
    return in.opcode == kGroup7 && (which == kSmsw || (in.mod != 3 && (which == kSgdt || which == kSidt)));
}

bool emulate_table_query(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    if (frame.cs != kUserCode64) return false;  // decoded as 64-bit code, which this is not
    const unsigned which = in.reg & 7u;
    if (in.opcode == kGroup7 && which != kSmsw) {
        const TablePointer none{0, 0};
        return store(vcpu, frame, in, &none, sizeof none);
    }
    const std::uint64_t value = in.opcode == kGroup7 ? vcpu.arch->cr0 : 0;
    if (in.mod != 3) return store(vcpu, frame, in, &value, sizeof(std::uint16_t));
    std::uint64_t& target = register_of(frame, in.rm);
    if (in.wide())
        target = value;
    else if (in.operand16)
        target = (target & ~std::uint64_t{0xffff}) | (value & 0xffff);
    else
        target = value & 0xffff'ffff;
    frame.rip += in.length;
    return true;
}

}  // namespace hv::x86
