#include "pv_start.hpp"

#include <string_view>

#include "hv/abi/xen/layout.hpp"

namespace hvctl {

namespace xen = hv::abi::xen;

namespace {

constexpr std::string_view kMagic = "xen-3.0-x86_64";
constexpr std::uint64_t kInterruptsEnabled = 1u << 9;
// What the processor holds after a reset, as the x86 manuals have it.
constexpr std::uint64_t kDr6Reset = 0xffff0ff0;
constexpr std::uint64_t kDr7Reset = 0x400;

}  // namespace

xen::StartInfo make_start_info(const PvSpec& spec, const PvLayout& layout, const PvRings& rings, Mfn shared_info) {
    xen::StartInfo info{};
    kMagic.copy(info.magic, sizeof info.magic - 1);
    info.nr_pages = spec.pages;
    info.shared_info = shared_info.raw << kPageShift;
    // Tools of hv only read the linear list, so the guest need not keep the old tree for them.
    info.flags = xen::kSifVirtP2m4Tools;
    info.store_mfn = rings.store.raw;
    info.store_evtchn = rings.store_port.raw;
    info.console.domu.mfn = rings.console.raw;
    info.console.domu.evtchn = rings.console_port.raw;
    info.pt_base = layout.address_of(layout.page_tables.first);
    info.nr_pt_frames = layout.page_tables.count;
    info.mfn_list = layout.p2m_address;
    if (!layout.p2m_in_initial) {
        info.first_p2m_pfn = layout.p2m.first.raw;
        info.nr_p2m_frames = layout.p2m.count;
    }
    if (layout.initrd.count > 0) {
        info.mod_start = layout.initrd_mapped ? layout.address_of(layout.initrd.first) : layout.initrd.first.raw;
        info.mod_len = spec.initrd.size();
        if (!layout.initrd_mapped) info.flags |= xen::kSifModStartPfn;
    }
    spec.cmdline.copy(info.cmd_line, sizeof info.cmd_line - 1);
    return info;
}

xen::VcpuGuestContext make_boot_context(const PvLayout& layout, const DomainMemory& memory) {
    xen::VcpuGuestContext context{};
    context.flags = xen::kVgcfInKernel | xen::kVgcfOnline;
    xen::CpuUserRegs& regs = context.user_regs;
    regs.rip = layout.entry;
    regs.rsp = layout.address_of(layout.stack) + kPageSize;
    regs.rsi = layout.address_of(layout.start_info);
    regs.rflags = kInterruptsEnabled;
    regs.cs = xen::kFlatKernelCs;
    regs.ss = xen::kFlatKernelSs;
    regs.ds = regs.es = regs.fs = regs.gs = xen::kFlatKernelDs;
    context.kernel_ss = regs.ss;
    context.kernel_sp = regs.rsp;
    context.ctrlreg[3] = xen::frame_to_cr3(memory.mfn(layout.page_tables.first).raw);
    context.debugreg[6] = kDr6Reset;
    context.debugreg[7] = kDr7Reset;
    return context;
}

}  // namespace hvctl
