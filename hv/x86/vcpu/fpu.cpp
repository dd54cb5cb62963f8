#include "hv/x86/vcpu/fpu.hpp"

#include <algorithm>
#include <cstring>

#include "hv/domain/domain.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kX87 = 1, kSse = 2, kAvx = 4, kAvx512 = 7u << 5;
constexpr std::size_t kLegacyBytes = 512;
constexpr std::size_t kXsaveHeaderBytes = 64;
constexpr std::size_t kStatusWord = 2;
constexpr std::uint8_t kErrorSummary = 0x80;
constexpr unsigned kAreaOrder = 0;  // a page holds everything up to AVX-512 (2696 bytes)
constexpr std::uint16_t kInitialControlWord = 0x37f;
constexpr std::uint32_t kInitialMxcsr = 0x1f80;

bool has_xsave() {
    return cpu_has(Feature::Xsave);
}

// AMD's processors restore the x87's instruction and data pointers only along with a pending exception, unless CPUID
// says otherwise (APM volume 3, leaf 8000_0008, RstrFpErrPtrs): another guest's pointers must be cleared before.
bool keeps_fpu_pointers() {
    static const bool keeps = [] {
        constexpr std::uint32_t kLeaf = 0x8000'0008, kRestoresPointers = 1u << 2;
        const CpuModel& model = cpu_model();
        if (model.vendor != Vendor::Amd && model.vendor != Vendor::Hygon) return false;
        return model.max_extended_leaf < kLeaf || !(cpuid(kLeaf).ebx & kRestoresPointers);
    }();
    return keeps;
}

void write_xcr0(std::uint64_t value) {
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32)));
}

void clear_task_switched() {
    asm volatile("clts");
}

}  // namespace

std::uint64_t guest_xcr0_mask() {
    return supported_xcr0() & (kX87 | kSse | kAvx | kAvx512);
}

bool set_guest_xcr0(Vcpu& vcpu, std::uint32_t index, std::uint64_t value) {
    if (!has_xsave() || index != 0 || (value & ~guest_xcr0_mask()) || !(value & kX87)) return false;
    if ((value & kAvx) && !(value & kSse)) return false;
    if ((value & kAvx512) && ((value & kAvx512) != kAvx512 || !(value & kAvx))) return false;
    vcpu.arch->xcr0 = value;
    write_xcr0(value);
    return true;
}

Result<> create_fpu(Vcpu& vcpu) {
    vcpu.arch->fpu = static_cast<std::uint8_t*>(allocate_pages(kAreaOrder));
    if (!vcpu.arch->fpu) return fail(Error::NoMemory);
    vcpu.domain.hv_bytes += kPageSize << kAreaOrder;
    reset_fpu(vcpu, nullptr);
    return {};
}

void destroy_fpu(Vcpu& vcpu) {
    if (vcpu.arch->fpu) vcpu.domain.hv_bytes -= kPageSize << kAreaOrder;
    free_pages(vcpu.arch->fpu, kAreaOrder);
    vcpu.arch->fpu = nullptr;
}

void reset_fpu(Vcpu& vcpu, const std::uint8_t* image) {
    std::uint8_t* area = vcpu.arch->fpu;
    std::memset(area, 0, kPageSize << kAreaOrder);
    if (image) {
        std::memcpy(area, image, kLegacyBytes);
        std::uint32_t mxcsr;
        std::memcpy(&mxcsr, area + 24, sizeof mxcsr);
        mxcsr &= 0xffff;  // reserved bits would make the restore fault
        std::memcpy(area + 24, &mxcsr, sizeof mxcsr);
    } else {
        std::memcpy(area, &kInitialControlWord, sizeof kInitialControlWord);
        std::memcpy(area + 24, &kInitialMxcsr, sizeof kInitialMxcsr);
    }
    const std::uint64_t present = kX87 | kSse;
    std::memcpy(area + kLegacyBytes, &present, sizeof present);
    vcpu.arch->xcr0 = kX87;
}

const std::uint8_t* fpu_image(const Vcpu& vcpu) {
    return vcpu.arch->fpu;
}

std::size_t guest_xsave_bytes() {
    constexpr std::uint32_t kLeaf = 0xd;  // for each component from 2 on: its size, and where it is
    std::size_t end = kLegacyBytes + kXsaveHeaderBytes;
    for (std::uint32_t component = 2; component < 63; ++component) {
        if (!((guest_xcr0_mask() >> component) & 1)) continue;
        const CpuidLeaf place = cpuid(kLeaf, component);
        end = std::max<std::size_t>(end, std::size_t{place.eax} + place.ebx);
    }
    return end;
}

FpuImage fpu_state(const Vcpu& vcpu) {
    if (!has_xsave()) return {{vcpu.arch->fpu, kLegacyBytes}, false};
    return {{vcpu.arch->fpu, guest_xsave_bytes()}, true};
}

void save_fpu(Vcpu& vcpu) {
    std::uint8_t* area = vcpu.arch->fpu;
    clear_task_switched();
    if (has_xsave()) {
        // Everything that the guest ever enabled, whatever its XCR0 says at the moment.
        write_xcr0(guest_xcr0_mask());
        asm volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
    } else {
        asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    }
}

void load_fpu(const Vcpu& vcpu) {
    const std::uint8_t* area = vcpu.arch->fpu;
    clear_task_switched();
    if (keeps_fpu_pointers() && !(area[kStatusWord] & kErrorSummary)) asm volatile("fninit");
    if (has_xsave()) {
        write_xcr0(guest_xcr0_mask());
        asm volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
        write_xcr0(vcpu.arch->xcr0);
    } else {
        asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    }
    if (vcpu.arch->cr0 & kCr0Ts) write_cr0(read_cr0() | kCr0Ts);
}

void set_task_switched(Vcpu& vcpu, bool set) {
    if (set) {
        vcpu.arch->cr0 |= kCr0Ts;
        write_cr0(read_cr0() | kCr0Ts);
    } else {
        vcpu.arch->cr0 &= ~std::uint64_t{kCr0Ts};
        clear_task_switched();
    }
}

}  // namespace hv::x86
