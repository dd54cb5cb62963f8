#include "hv/x86/cpu/segments.hpp"

#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kCode64Ring0 = 0x00af'9b00'0000'ffff;  // accessed already: the CPU never writes the page
constexpr std::uint64_t kDataRing0 = 0x00cf'9300'0000'ffff;
constexpr std::uint64_t kCode32Ring3 = 0x00cf'fb00'0000'ffff;
constexpr std::uint64_t kDataRing3 = 0x00cf'f300'0000'ffff;
constexpr std::uint64_t kCode64Ring3 = 0x00af'fb00'0000'ffff;

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

// A page of its own: isolated guests' tables have it.
alignas(kPageSize) constinit std::array<IdtEntry, kVectors> idt{};

extern "C" const char trap_stubs[];
constexpr std::size_t kStubSize = 16;

Ist stack_of(std::size_t vector) {
    switch (vector) {
        case kDoubleFault: return Ist::DoubleFault;
        case kNmi: return Ist::Nmi;
        case kMachineCheck: return Ist::MachineCheck;
        case kDebug: return Ist::Debug;
        default: return Ist::None;
    }
}

void set_tss_descriptor(GdtPage& gdt, std::uint64_t tss) {
    gdt[kTssSelector] =
        (sizeof(Tss) - 1) | ((tss & 0xff'ffff) << 16) | (std::uint64_t{0x89} << 40) | (((tss >> 24) & 0xff) << 56);
    gdt[kTssSelector + 8] = tss >> 32;
}

void fill_gdt(PerCpu& cpu) {
    GdtPage& gdt = *cpu.gdt;
    gdt[kKernelCode] = kCode64Ring0;
    gdt[kKernelData] = kDataRing0;
    gdt[kUserCode32] = kCode32Ring3;
    gdt[kUserData] = kDataRing3;
    gdt[kUserCode64] = kCode64Ring3;
    gdt[kCpuNumber] = 0x0040'f500'0000'0000 | (cpu.id.raw & 0xffff);
    set_tss_descriptor(gdt, reinterpret_cast<std::uint64_t>(cpu.tss));
}

void fill_tss(PerCpu& cpu) {
    Tss& tss = *cpu.tss;
    tss.rsp0 = cpu.stack_block + kStackSize - kStackReserved;
    for (unsigned ist = 1; ist <= 4; ++ist) tss.ist[ist - 1] = cpu.stack_block + ist * kPageSize;
}

}  // namespace

IdtEntry IdtEntry::gate(std::uint64_t handler, Ist ist, unsigned privilege) {
    IdtEntry entry;
    entry.low = (handler & 0xffff) | (std::uint64_t{kKernelCode} << 16) | (static_cast<std::uint64_t>(ist) << 32) |
                ((0x8e00ull | (privilege << 13)) << 32) | ((handler & 0xffff'0000) << 32);
    entry.high = handler >> 32;
    return entry;
}

void build_idt() {
    for (std::size_t vector = 0; vector < kVectors; ++vector) {
        const unsigned privilege = vector == kBreakpoint || vector == kOverflow ? 3 : 0;
        idt[vector] = IdtEntry::gate(reinterpret_cast<std::uint64_t>(trap_stubs) + vector * kStubSize, stack_of(vector),
                                     privilege);
    }
}

void load_idt() {
    const TablePointer pointer{sizeof(idt) - 1, reinterpret_cast<std::uint64_t>(idt.data())};
    asm volatile("lidt %0" : : "m"(pointer));
}

bool idt_is_loaded() {
    TablePointer pointer{};
    asm volatile("sidt %0" : "=m"(pointer));
    return pointer.base == idt_address();
}

std::uint64_t idt_address() {
    return reinterpret_cast<std::uint64_t>(idt.data());
}

void load_tss(PerCpu& cpu, std::uint64_t address) {
    set_tss_descriptor(*cpu.gdt, address);
    asm volatile("ltr %w0" : : "r"(std::uint32_t{kTssSelector}) : "memory");
}

void load_gdt(std::uint64_t reserved_page) {
    const TablePointer pointer{kGdtReservedStart + kPageSize - 1, reserved_page - kGdtReservedStart};
    asm volatile("lgdt %0" : : "m"(pointer));
}

void load_descriptors(PerCpu& cpu) {
    fill_gdt(cpu);
    fill_tss(cpu);
    load_gdt(reinterpret_cast<std::uint64_t>(cpu.gdt));
    asm volatile(
        "pushq %[code]\n"
        "leaq 1f(%%rip), %%rax\n"
        "pushq %%rax\n"
        "lretq\n"
        "1: movl %[data], %%ss\n"
        "movl %[null], %%ds\n"
        "movl %[null], %%es\n"
        "movl %[null], %%fs\n"
        "movl %[null], %%gs\n"
        "lldt %w[null]\n"
        "ltr %w[tss]\n"
        :
        : [code] "i"(kKernelCode), [data] "r"(std::uint32_t{kKernelData}), [null] "r"(0),
          [tss] "r"(std::uint32_t{kTssSelector})
        : "rax", "memory");
    load_idt();
}

}  // namespace hv::x86
