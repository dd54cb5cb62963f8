#include "tests/guest/lib/domu.hpp"

#include "hv/abi/control/memory.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

namespace guest {
namespace {

namespace control = hv::abi::control;
using control::Operation;

extern "C" u8 image_start[], image_end[], bss_start[], domu_start[], boot_stack_top[];

struct Report {
    u32 failures;
    Text first;
};
constinit Report report{};

constexpr u64 kMaxPages = 512;
u64 frame_lists[4][kMaxPages];
u32 next_list;
alignas(kPageSize) u8 scratch[kPageSize];
VcpuGuestContext context;

void copy(u16 domain, const u64* frames, const void* buffer, u64 offset, u64 length, control::CopyDirection direction) {
    control::CopyMemory op{};
    op.frames = reinterpret_cast<u64>(frames);
    op.buffer = reinterpret_cast<u64>(buffer);
    op.offset = offset;
    op.length = length;
    op.domain = domain;
    op.direction = static_cast<u32>(direction);
    REQUIRE_EQ(control_op(Operation::CopyMemory, op), 0);
    REQUIRE_EQ(op.done, length);
}

u64 image_offset(const volatile void* address) {
    return reinterpret_cast<u64>(address) - reinterpret_cast<u64>(image_start);
}

// After the image: start info, frame list, then L4, L3, L2 and L1.
struct Layout {
    u64 start_info, frame_list, l4, l3, l2, l1, end;  // page numbers
};

Layout lay_out() {
    const u64 image = image_offset(image_end) / kPageSize;
    return {image, image + 1, image + 2, image + 3, image + 4, image + 5, image + 6};
}

void put_page(const DomU& domain, u64 pfn, const void* bytes) {
    copy(domain.id, reinterpret_cast<u64*>(domain.frames) + pfn, bytes, 0, kPageSize, control::CopyDirection::ToDomain);
}

void put_table(const DomU& domain, u64 pfn, u64 slot, u64 entry) {
    __builtin_memset(scratch, 0, kPageSize);
    reinterpret_cast<u64*>(scratch)[slot] = entry;
    put_page(domain, pfn, scratch);
}

void put_tables(const DomU& domain, const Layout& at) {
    const u64* frames = reinterpret_cast<u64*>(domain.frames);
    put_table(domain, at.l4, kVirtBase >> 39 & 511, pte(frames[at.l3], kPteTable));
    put_table(domain, at.l3, kVirtBase >> 30 & 511, pte(frames[at.l2], kPteTable));
    put_table(domain, at.l2, kVirtBase >> 21 & 511, pte(frames[at.l1], kPteTable));
    for (u64 pfn = 0; pfn < domain.pages; ++pfn) {
        const bool table = pfn >= at.l4 && pfn <= at.l1;
        reinterpret_cast<u64*>(scratch)[pfn] = pte(frames[pfn], table ? kPteReadOnly : kPteKernelData);
    }
    for (u64 pfn = domain.pages; pfn < 512; ++pfn) reinterpret_cast<u64*>(scratch)[pfn] = 0;
    put_page(domain, at.l1, scratch);
}

void put_start_info(const DomU& domain, const Layout& at, u64 shared_info_mfn) {
    __builtin_memset(scratch, 0, kPageSize);
    auto& info = *reinterpret_cast<StartInfo*>(scratch);
    __builtin_memcpy(info.magic, "xen-3.0-x86_64", 15);
    info.nr_pages = domain.pages;
    info.shared_info = shared_info_mfn * kPageSize;
    info.pt_base = kVirtBase + at.l4 * kPageSize;
    info.nr_pt_frames = 4;
    info.mfn_list = kVirtBase + at.frame_list * kPageSize;
    put_page(domain, at.start_info, scratch);
    __builtin_memset(scratch, 0, kPageSize);
    __builtin_memcpy(scratch, reinterpret_cast<void*>(domain.frames), domain.pages * 8);
    put_page(domain, at.frame_list, scratch);
}

void populate(const DomU& domain) {
    u64* frames = reinterpret_cast<u64*>(domain.frames);
    for (u64 pfn = 0; pfn < domain.pages; ++pfn) frames[pfn] = pfn;
    MemoryReservation reservation{domain.frames, domain.pages, 0, 0, domain.id, {}};
    REQUIRE_EQ(memory_op(MemoryCommand::PopulatePhysmap, &reservation), domain.pages);
}

}  // namespace

DomU build_domu(const DomUOptions& options) {
    const Layout at = lay_out();
    REQUIRE_TRUE(at.end < options.pages && options.pages <= kMaxPages);
    control::CreateDomain create{};
    create.domain = control::kDomainAny;
    create.max_frames = options.pages + 64;
    create.max_vcpus = options.vcpus;
    REQUIRE_EQ(control_op(Operation::CreateDomain, create), 0);
    const DomU domain{create.domain, options.pages, reinterpret_cast<u64>(frame_lists[next_list++ % 4])};
    populate(domain);
    const u64* frames = reinterpret_cast<u64*>(domain.frames);

    // The image as loaded: code and constants from here, zeroed variables zeroed again.
    copy(domain.id, frames, image_start, 0, image_offset(bss_start), control::CopyDirection::ToDomain);
    copy(domain.id, frames, nullptr, image_offset(bss_start), image_offset(image_end) - image_offset(bss_start),
         control::CopyDirection::Zero);
    control::InitHypercallPage page{};
    page.domain = domain.id;
    page.gfn = frames[image_offset(hypercall_page) / kPageSize];
    REQUIRE_EQ(control_op(Operation::InitHypercallPage, page), 0);
    put_start_info(domain, at, domu_info(domain).shared_info_mfn);
    put_tables(domain, at);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL4Table, frames[at.l4], 0, domain.id), 0);

    context = {};
    context.flags = kVgcfInKernel | kVgcfOnline;
    context.user_regs.rip = reinterpret_cast<u64>(domu_start);
    context.user_regs.rsp = reinterpret_cast<u64>(boot_stack_top);
    context.user_regs.rdi = options.role;
    context.user_regs.rsi = kVirtBase + at.start_info * kPageSize;
    context.user_regs.cs = kFlatKernelCs;
    context.user_regs.ss = kFlatKernelSs;
    context.user_regs.rflags = 2;
    context.kernel_ss = kFlatKernelSs;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = frame_to_cr3(frames[at.l4]);
    control::VcpuContext set{};
    set.buffer = reinterpret_cast<u64>(&context);
    set.domain = domain.id;
    set.size = sizeof(context);
    REQUIRE_EQ(control_op(Operation::SetVcpuContext, set), 0);
    return domain;
}

void unpause_domu(const DomU& domain) {
    control::DomainOnly op{domain.id, {}};
    REQUIRE_EQ(control_op(Operation::UnpauseDomain, op), 0);
}

control::DomainInfo domu_info(const DomU& domain) {
    control::GetDomain op{};
    op.domain = domain.id;
    REQUIRE_EQ(control_op(Operation::GetDomain, op), 0);
    return op.info;
}

void expect_end(const DomU& domain, control::ShutdownReason reason) {
    control::DomainInfo info = domu_info(domain);
    for (; !(info.flags & control::kDomainShutdown); info = domu_info(domain)) yield();
    Report its{};
    read_domu(domain, &report, &its, sizeof(its));
    if (its.failures) note_failure(Text{}.add("domain ", domain.id, ": ", its.first.c_str()));
    EXPECT_EQ(info.shutdown_reason, reason);
}

long destroy_domu(const DomU& domain) {
    control::DomainOnly op{domain.id, {}};
    long result = control_op(Operation::DestroyDomain, op);
    while (result == -kEAGAIN) {
        yield();
        result = control_op(Operation::DestroyDomain, op);
        if (result == -kESRCH) return 0;
    }
    return result;
}

void run_domu(u64 role, control::ShutdownReason reason) {
    const DomU domain = build_domu({.role = role});
    unpause_domu(domain);
    expect_end(domain, reason);
    EXPECT_EQ(destroy_domu(domain), 0);
}

u64 domu_frame(const DomU& domain, const volatile void* address) {
    return reinterpret_cast<u64*>(domain.frames)[image_offset(address) / kPageSize];
}

void read_domu(const DomU& domain, const void* its_address, void* to, u64 size) {
    copy(domain.id, reinterpret_cast<u64*>(domain.frames), to, image_offset(its_address), size,
         control::CopyDirection::FromDomain);
}

void write_domu_bytes(const DomU& domain, const void* its_address, const void* from, u64 size) {
    copy(domain.id, reinterpret_cast<u64*>(domain.frames), from, image_offset(its_address), size,
         control::CopyDirection::ToDomain);
}

void report_failure(const Text& why) {
    if (report.failures++ == 0) report.first = why;
}

}  // namespace guest
