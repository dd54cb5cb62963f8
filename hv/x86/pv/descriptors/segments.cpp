#include "hv/x86/pv/descriptors/segments.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/traps/exception_table.hpp"

namespace hv::x86 {
namespace {

// load_ds() and so on: false when the selector is not to be had; the register is null then.
#define HV_SEGMENT_REGISTER(name)                             \
    std::uint16_t read_##name() {                             \
        std::uint16_t selector;                               \
        asm volatile("mov %%" #name ", %0" : "=r"(selector)); \
        return selector;                                      \
    }                                                         \
    bool load_##name(std::uint16_t selector) {                \
        std::uint32_t value = selector;                       \
        asm volatile("1: mov %k0, %%" #name                   \
                     "\n"                                     \
                     "jmp 3f\n"                               \
                     "2: xor %k0, %k0\n"                      \
                     "mov %k0, %%" #name                      \
                     "\n"                                     \
                     "3:\n" HV_FIXUP("1b", "2b")              \
                     : "+r"(value)                            \
                     :                                        \
                     : "memory");                             \
        return value == selector;                             \
    }
HV_SEGMENT_REGISTER(ds)
HV_SEGMENT_REGISTER(es)
HV_SEGMENT_REGISTER(fs)
HV_SEGMENT_REGISTER(gs)
#undef HV_SEGMENT_REGISTER

}  // namespace

void save_segments(Vcpu& vcpu) {
    PvVcpu& arch = pv(vcpu);
    arch.ds = read_ds();
    arch.es = read_es();
    arch.fs = read_fs();
    arch.gs = read_gs();
    arch.fs_base = read_msr(Msr::FsBase);
    const std::uint64_t active = read_msr(Msr::GsBase);
    const std::uint64_t other = read_msr(Msr::KernelGsBase);
    arch.gs_base_kernel = arch.kernel_mode ? active : other;
    arch.gs_base_user = arch.kernel_mode ? other : active;
}

bool load_segments(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    bool good = true;
    // Selectors first: loading one may change the base.
    if (read_ds() != arch.ds || arch.ds > 3) good &= load_ds(arch.ds);
    if (read_es() != arch.es || arch.es > 3) good &= load_es(arch.es);
    if (read_fs() != arch.fs || arch.fs > 3) good &= load_fs(arch.fs);
    if (read_gs() != arch.gs || arch.gs > 3) good &= load_gs(arch.gs);
    write_msr(Msr::FsBase, arch.fs_base);
    write_msr(Msr::GsBase, arch.kernel_mode ? arch.gs_base_kernel : arch.gs_base_user);
    write_msr(Msr::KernelGsBase, arch.kernel_mode ? arch.gs_base_user : arch.gs_base_kernel);
    return good;
}

void deliver_failsafe(Vcpu& vcpu, TrapFrame& frame) {
    const PvVcpu& arch = pv(vcpu);
    if (arch.failsafe_callback == 0) return;  // it goes on with the null selectors
    const std::uint16_t selectors[] = {arch.ds, arch.es, arch.fs, arch.gs};
    enter_guest_kernel(
        vcpu, frame,
        {.address = arch.failsafe_callback, .mask_events = arch.failsafe_masks_events, .selectors = selectors});
}

void load_user_gs(std::uint16_t selector) {
    // In kernel mode the user's base is the inactive one.
    asm volatile("swapgs" : : : "memory");
    // AMD's processors leave the base as it is when a null selector is loaded: it becomes 0 by way of a flat segment.
    load_gs(kUserData);
    load_gs(guest_selector(selector));
    asm volatile("swapgs" : : : "memory");
}

}  // namespace hv::x86
