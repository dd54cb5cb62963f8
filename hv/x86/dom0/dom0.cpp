// The first guest is made of the boot modules.
#include <algorithm>
#include <cstring>

#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/start_info.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/sched/sched.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/core_seam.hpp"
#include "hv/x86/boot/module_bytes.hpp"
#include "hv/x86/boot/module_roles.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/dom0/dom0_layout.hpp"
#include "hv/x86/dom0/dom0_memory.hpp"
#include "hv/x86/dom0/dom0_memory_plan.hpp"
#include "hv/x86/dom0/dom0_tables.hpp"
#include "hv/x86/dom0/kernel_image.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/panic/panic.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv::x86 {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint64_t kFirstMiBFrames = 0x10'0000 >> kPageShift;

// The first word of a module's text is its file name.
std::string_view without_first_word(std::string_view text) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text.remove_prefix(space);
    while (text.starts_with(' ')) text.remove_prefix(1);
    return text;
}

Dom0MemoryPlan choose_memory(const KernelImage& kernel, std::uint64_t initrd_bytes) {
    const std::uint64_t available = free_frame_count();
    const Result<std::uint64_t> needed = dom0_frames_needed(kernel, initrd_bytes, available);
    const Result<Dom0MemoryPlan> plan =
        needed ? plan_dom0_memory(boot_options().dom0_memory, available, *needed) : fail(needed.error());
    if (!plan)
        give_up("this machine has {} MiB, which is not enough for Dom0's kernel and initrd ({} MiB at least)",
                available >> 8, needed.value_or(available) >> 8);
    switch (plan->remark) {
        case Dom0MemoryPlan::Remark::AsAsked: break;
        case Dom0MemoryPlan::Remark::Cut:
            warn("dom0_mem= asks for {} MiB, and this machine has {} MiB for Dom0: it gets those", plan->asked >> 8,
                 plan->frames >> 8);
            break;
        case Dom0MemoryPlan::Remark::TooLittle:
            warn(
                "dom0_mem= leaves {} MiB to Dom0, and its kernel and initrd take {} MiB at least: it gets the default, "
                "{} MiB",
                plan->asked >> 8, *needed >> 8, plan->frames >> 8);
            break;
    }
    return *plan;
}

std::uint32_t dom0_vcpus() {
    const BootOptions& options = boot_options();
    auto count = static_cast<std::uint32_t>(online_cpus().count());
    if (options.dom0_vcpus_max != 0 && count > options.dom0_vcpus_max) count = options.dom0_vcpus_max;
    if (count < options.dom0_vcpus_min) count = options.dom0_vcpus_min;
    if (count == 0) count = 1;
    return count > kMaxVcpus ? kMaxVcpus : count;
}

void write_start_info(Domain& domain, Dom0Memory& memory, const KernelImage& kernel, const Dom0Layout& layout,
                      std::string_view cmdline) {
    auto& info = *static_cast<abi::xen::StartInfo*>(memory.page(layout.start_info_pfn));
    std::memcpy(info.magic, "xen-3.0-x86_64", 15);
    info.nr_pages = memory.frames();
    info.shared_info = address_of(domain.shared_info.frame()).raw;
    info.flags = abi::xen::kSifPrivileged | abi::xen::kSifInitdomain;
    info.pt_base = layout.virtual_of(layout.tables_pfn);
    info.nr_pt_frames = layout.tables;
    if (kernel.init_p2m) {
        info.mfn_list = *kernel.init_p2m;
        info.first_p2m_pfn = layout.p2m_pfn;
        info.nr_p2m_frames = layout.p2m_frames + layout.p2m_tables;
    } else {
        info.mfn_list = layout.virtual_of(layout.p2m_pfn);
    }
    if (layout.initrd_bytes != 0) {
        if (kernel.initrd_by_frame) info.flags |= abi::xen::kSifModStartPfn;
        info.mod_start = kernel.initrd_by_frame ? layout.initrd_pfn : layout.virtual_of(layout.initrd_pfn);
        info.mod_len = layout.initrd_bytes;
    }
    if (cmdline.size() >= sizeof info.cmd_line)
        warn("Dom0's command line is cut to {} bytes", sizeof info.cmd_line - 1);
    const std::size_t length = cmdline.size() < sizeof info.cmd_line ? cmdline.size() : sizeof info.cmd_line - 1;
    std::memcpy(info.cmd_line, cmdline.data(), length);
    // Where firmware keeps the ACPI tables out of the places that a kernel searches, it must be told.
    if (acpi().hidden_root_pointer != 0)
        format_into(std::span{info.cmd_line}.subspan(length).first(sizeof info.cmd_line - 1 - length),
                    " acpi_rsdp=0x{:x}", acpi().hidden_root_pointer);
}

void load_kernel(const Domain& domain, Dom0Memory& memory, const KernelImage& kernel) {
    for (std::size_t i = 0; i < kernel.segment_count; ++i)
        memory.write(kernel.segments[i].virtual_address - kernel.virt_base, kernel.segments[i].data);
    if (kernel.hypercall_page)
        domain.kind.write_hypercall_page(memory.page((*kernel.hypercall_page - kernel.virt_base) >> kPageShift));
}

Result<> start_first_vcpu(Domain& domain, Dom0Memory& memory, const KernelImage& kernel, const Dom0Layout& layout) {
    auto context = TRY(make_own<abi::xen::VcpuGuestContext>());
    context->flags = abi::xen::kVgcfInKernel | abi::xen::kVgcfOnline;
    context->user_regs.rip = kernel.entry;
    context->user_regs.rsp = layout.virtual_of(layout.stack_pfn) + kPageSize;
    context->user_regs.rsi = layout.virtual_of(layout.start_info_pfn);
    context->user_regs.cs = abi::xen::kFlatKernelCs;
    context->user_regs.ss = abi::xen::kFlatKernelSs;
    context->user_regs.rflags = 0x200;
    context->kernel_ss = abi::xen::kFlatKernelSs;
    context->kernel_sp = context->user_regs.rsp;
    context->ctrlreg[3] = abi::xen::frame_to_cr3(memory.mfn(layout.tables_pfn).raw);
    Vcpu& vcpu = *domain.vcpu(VcpuId{0});
    for (;;) {
        const Result<> set = domain.kind.set_context(vcpu, *context);
        if (set) break;
        if (set.error() != Error::Restart) return set;
    }
    // The guest expects its first L4 table to be pinned.
    FrameInfo* l4 =
        TRY(get_frame_and_type(memory.mfn(layout.tables_pfn), domain.id, FrameType::L4, Preemption::Allowed));
    l4->type.fetch_or(FrameInfo::kPinned);
    vcpu.flags.fetch_and(~std::uint32_t{kVcpuDown});
    return {};
}

void free_modules() {
    constexpr std::uint64_t kLowMemory = 1 << 20;  // the allocator has nothing below
    for (const BootModule& module : boot_info().modules)
        if (module.start >= kLowMemory)
            allocator_add(frame_of(MachineAddress{module.start}),
                          frame_of(MachineAddress{module.start + module.size + kPageSize - 1}));
}

void pin_vcpus(Domain& domain) {
    CpuId cpu{kMaxCpus - 1};
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) {
        cpu = next_round(online_cpus(), cpu);
        CpuSet own;
        own.set(cpu);
        (void)sched_set_affinity(*domain.vcpu(id), &own, nullptr);
    }
}

}  // namespace

void build_dom0() {
    const BootInfo& boot = boot_info();
    if (boot.modules.empty())
        give_up("no Dom0 kernel: give one as the first boot module (QEMU: -initrd \"vmlinuz ARGS,initrd.img\")");
    const char* why = "";
    const Nanoseconds started = time::now();
    Result<UnpackedKernel> unpacked = unpack_kernel(bytes_of(boot.modules[0]), why);
    if (!unpacked && unpacked.error() == Error::NoMemory)
        give_up("this machine has {} MiB, which is not enough to unpack Dom0's kernel", free_frame_count() >> 8);
    if (!unpacked)
        give_up("Dom0's kernel ({}) cannot be used: {}", boot.modules[0].text.substr(0, boot.modules[0].text.find(' ')),
                why);
    const Nanoseconds unpacked_at = time::now();
    const Result<KernelImage> kernel = parse_kernel(unpacked->elf, why);
    if (!kernel) give_up("Dom0's kernel cannot be used: {}", why);
    const ModuleRoles roles = assign_modules(boot.modules.size(), boot_options().microcode);
    const Bytes initrd = roles.initrd ? bytes_of(boot.modules[*roles.initrd]) : Bytes{};

    abi::control::CreateDomain config{};
    config.domain = 0;
    config.max_frames = ~std::uint64_t{0};
    config.max_vcpus = dom0_vcpus();
    if (boot_options().linear_tables) config.flags |= abi::control::kCreateLinearPageTables;
    const Result<Domain*> created = Domain::create(config, true);
    if (!created) panic("Dom0 cannot be created: error {}", created.error());
    Domain& domain = **created;

    const Dom0MemoryPlan plan = choose_memory(*kernel, initrd.size());
    const std::uint64_t frames = plan.frames;
    const Result<Dom0Layout> layout = plan_layout(*kernel, initrd.size(), frames);
    if (!layout) give_up("Dom0's kernel and initrd do not fit into its {} MiB: raise dom0_mem=", frames >> 8);
    Dom0Memory memory;
    // An unpacked kernel's pages need no copy: they become Dom0's where they are.
    const WholePagesOfSegments pages = unpacked->frames != 0 ? whole_pages(*kernel) : WholePagesOfSegments{};
    if (!memory.populate(domain, frames, std::span{pages.runs}.first(pages.count)))
        panic("no {} MiB for Dom0: lower dom0_mem=", frames >> 8);
    domain.max_frames = plan.max_frames;

    // Where a kernel expects zeros, and where it looks for what firmware leaves on a
    // machine. Below it is memory like any other.
    const std::uint64_t kernel_pfn = (kernel->start - kernel->virt_base) >> kPageShift;
    memory.clear(0, std::min(kernel_pfn, kFirstMiBFrames));
    memory.clear(kernel_pfn, layout->used_frames);
    load_kernel(domain, memory, *kernel);
    memory.write(layout->initrd_pfn << kPageShift, initrd);
    for (std::uint64_t i = 0; i < layout->p2m_frames; ++i) {
        const std::uint64_t first = i * (kPageSize / sizeof(std::uint64_t));
        const std::uint64_t left = memory.frames() - first;
        const std::size_t count = left < kPageSize / sizeof(std::uint64_t) ? left : kPageSize / sizeof(std::uint64_t);
        std::memcpy(memory.page(layout->p2m_pfn + i), memory.list() + first, count * sizeof(std::uint64_t));
    }
    write_start_info(domain, memory, *kernel, *layout, without_first_word(boot.modules[0].text));
    write_tables(memory, *layout, kernel->init_p2m);
    if (const Result<> ready = start_first_vcpu(domain, memory, *kernel, *layout); !ready)
        panic("Dom0's first page tables are not valid: error {}", ready.error());
    if (boot_options().dom0_vcpus_pin) pin_vcpus(domain);
    info("Dom0: {}, {} MiB (at most {}), {} vCPUs, entry {:x}; unpacked in {} ms, built in {} ms", kernel->guest_os,
         frames >> 8, plan.max_frames >> 8, domain.max_vcpus, kernel->entry, (unpacked_at - started) / 1000000,
         (time::now() - unpacked_at) / 1000000);
    release(*unpacked);
    free_modules();
    domain.unstarted = false;
    domain.paused_by_control = false;
    release_screen();
    domain.unpause();
}

}  // namespace hv::x86
