// Descriptor tables. hv's descriptors live in the page that the PV ABI reserves for the hypervisor, the 15th of the GDT
// (selectors 0xe000 and up), so that a guest's own GDT can fill the pages below (xen/arch-x86,
// FIRST_RESERVED_GDT_PAGE).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::x86 {

inline constexpr std::uint16_t kGdtReservedStart = 0xe000;
enum Selector : std::uint16_t {
    kKernelCode = 0xe008,  // ring 0, 64-bit; SYSCALL needs its stack segment right after it
    kKernelData = 0xe010,
    kUserCode32 = 0xe023,  // ring 3; SYSRET needs code32, data, code64 in this order (ABI: FLAT_RING3_CS32, SS64, CS64)
    kUserData = 0xe02b,
    kUserCode64 = 0xe033,
    kTssSelector = 0xe040,  // two slots
    kLdtSelector = 0xe050,  // two slots
    kCpuNumber = 0xe063,    // limit is the CPU's number
};

struct alignas(kPageSize) GdtPage {
    std::array<std::uint64_t, 512> entries{};
    std::uint64_t& operator[](std::uint16_t selector) { return entries[(selector - kGdtReservedStart) >> 3]; }
};
static_assert(sizeof(GdtPage) == kPageSize);

// Intel SDM volume 3, "64-Bit Task State Segment". The I/O bitmap lies outside: guests get no ports through it.
struct [[gnu::packed]] Tss {
    std::uint32_t reserved0 = 0;
    std::uint64_t rsp0 = 0;  // +4
    std::uint64_t rsp1 = 0, rsp2 = 0;
    std::uint64_t reserved1 = 0;
    std::uint64_t ist[7] = {};  // +36
    std::uint64_t reserved2 = 0;
    std::uint16_t reserved3 = 0;
    std::uint16_t io_map_base = 104;  // +102
};
static_assert(sizeof(Tss) == 104 && offsetof(Tss, ist) == 36);

enum class Ist : std::uint8_t { None = 0, DoubleFault = 1, Nmi = 2, MachineCheck = 3, Debug = 4 };

struct IdtEntry {
    std::uint64_t low = 0, high = 0;
    static IdtEntry gate(std::uint64_t handler, Ist ist, unsigned privilege);
};
inline constexpr std::size_t kVectors = 256;

struct PerCpu;

void build_idt();                // once
void load_descriptors(PerCpu&);  // on the CPU itself: GDT, TSS, IDT, data segments; its stacks are mapped
// GDTR.base for a GDT whose reserved page is at `reserved_page`; the pages below need not be mapped.
void load_gdt(std::uint64_t reserved_page);
void load_idt();
bool idt_is_loaded();         // here
std::uint64_t idt_address();  // a page
// On the CPU itself: its TSS, at another virtual address than before.
void load_tss(PerCpu&, std::uint64_t address);

}  // namespace hv::x86
