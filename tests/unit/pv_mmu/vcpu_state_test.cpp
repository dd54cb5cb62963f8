// The records of a PV vCPU's state say what its context says.
#include "hv/abi/control/vcpu_state.hpp"

#include <cstring>
#include <vector>

#include "hv/control/vcpu_state.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;
using namespace hv::abi::control;

class PvVcpuState : public Mmu {
  protected:
    void read() {
        hv::VcpuStateWriter state{hv::GuestVirtual{reinterpret_cast<std::uintptr_t>(buffer.data())}, buffer.size()};
        ASSERT_TRUE(vcpu->domain.kind.add_state_records(*vcpu, state));
        ASSERT_TRUE(state.outcome());
        size = state.size();
    }
    // Its place and length; null: there is none.
    const std::byte* find(VcpuRecordKind wanted, std::uint64_t& length) const {
        VcpuRecord record;
        for (std::uint64_t at = 0; at < size; at += vcpu_record_size(record.length)) {
            std::memcpy(&record, buffer.data() + at, sizeof record);
            length = record.length;
            if (record.kind == static_cast<std::uint32_t>(wanted)) return buffer.data() + at + sizeof record;
        }
        return nullptr;
    }
    template <class Contents>
    Contents contents(VcpuRecordKind wanted) const {
        Contents found{};
        std::uint64_t length = 0;
        const std::byte* const place = find(wanted, length);
        EXPECT_TRUE(place != nullptr && length >= sizeof found) << static_cast<unsigned>(wanted);
        if (place != nullptr && length >= sizeof found) std::memcpy(&found, place, sizeof found);
        return found;
    }

    std::vector<std::byte> buffer = std::vector<std::byte>(32768);
    std::uint64_t size = 0;
};

TEST_F(PvVcpuState, SaysWhatTheContextSays) {
    PvVcpu& arch = pv(*vcpu);
    arch.frame.rax = 0x1111;
    arch.frame.r15 = 0x2222;
    arch.frame.rip = 0xffff'ffff'8100'0000;
    arch.frame.rflags = 0x202;
    arch.iopl = 1;
    arch.frame.cs = 0xe033;
    arch.fs = 0x2b;
    arch.gs_base_kernel = 0xffff'8880'0000'0000;
    arch.debug[7] = 0x400;
    arch.spec_ctrl = 4;
    arch.virt_spec_ctrl = 6;
    arch.event_callback = 0xffff'ffff'8100'1000;
    arch.syscall_masks_events = true;
    arch.gates[14] = {.address = 0xffff'ffff'8100'2000, .cs = 0xe033, .flags = 4};
    arch.gates[255] = {.address = 0xffff'ffff'8100'3000, .cs = 0xe033, .flags = 0};
    const Mfn gdt = frame();
    const std::uint64_t frames[] = {gdt.raw};
    ASSERT_TRUE(set_gdt(*vcpu, frames, 1, 512).has_value());
    hv::abi::xen::VcpuGuestContext context;
    vcpu->domain.kind.get_context(*vcpu, context);
    read();

    const auto general = contents<VcpuGeneralRegisters>(VcpuRecordKind::General);
    EXPECT_EQ(general.rax, context.user_regs.rax);
    EXPECT_EQ(general.r15, context.user_regs.r15);
    EXPECT_EQ(general.rip, context.user_regs.rip);
    EXPECT_EQ(general.rflags, context.user_regs.rflags);
    const auto segments = contents<VcpuSegments>(VcpuRecordKind::Segments);
    EXPECT_EQ(segments.cs, context.user_regs.cs);
    EXPECT_EQ(segments.fs, context.user_regs.fs);
    EXPECT_EQ(segments.gs_base_kernel, context.gs_base_kernel);
    EXPECT_EQ(contents<VcpuDebugRegisters>(VcpuRecordKind::Debug).dr[7], context.debugreg[7]);
    const auto control = contents<VcpuControlRegisters>(VcpuRecordKind::Control);
    EXPECT_EQ(control.cr0, context.ctrlreg[0]);
    EXPECT_EQ(control.cr3, context.ctrlreg[3]);
    EXPECT_EQ(control.spec_ctrl, 4u);
    EXPECT_EQ(control.virt_spec_ctrl, 6u);
    const auto entries = contents<PvEntries>(VcpuRecordKind::PvEntries);
    EXPECT_EQ(entries.event_callback, context.event_callback_rip);
    EXPECT_EQ(entries.flags, kPvKernelMode | kPvSyscallMasksEvents);
    const auto descriptors = contents<PvDescriptors>(VcpuRecordKind::PvDescriptors);
    EXPECT_EQ(descriptors.gdt_frames[0], gdt.raw);
    EXPECT_EQ(descriptors.gdt_entries, 512u);
    release_gdt(*vcpu);
}

// Vectors without a handler take no room.
TEST_F(PvVcpuState, HasTheHandlersThatThereAre) {
    pv(*vcpu).gates[14] = {.address = 0xffff'ffff'8100'2000, .cs = 0xe033, .flags = 4};
    pv(*vcpu).gates[255] = {.address = 0xffff'ffff'8100'3000, .cs = 0xe033, .flags = 0};
    read();
    std::uint64_t length = 0;
    const std::byte* const place = find(VcpuRecordKind::PvTraps, length);
    ASSERT_NE(place, nullptr);
    ASSERT_EQ(length, 2 * sizeof(PvTrap));
    PvTrap traps[2];
    std::memcpy(traps, place, sizeof traps);
    EXPECT_EQ(traps[0].vector, 14);
    EXPECT_EQ(traps[0].flags, 4);
    EXPECT_EQ(traps[1].vector, 255);
    EXPECT_EQ(traps[1].address, 0xffff'ffff'8100'3000);
}

// The image comes after its header, and is as long as that says.
TEST_F(PvVcpuState, HasTheFpu) {
    read();
    const auto fpu = contents<VcpuFpu>(VcpuRecordKind::Fpu);
    std::uint64_t length = 0;
    ASSERT_NE(find(VcpuRecordKind::Fpu, length), nullptr);
    EXPECT_EQ(length, sizeof fpu + fpu.size);
    EXPECT_EQ(fpu.size, 512u);
    EXPECT_EQ(fpu.format, static_cast<std::uint32_t>(FpuFormat::Fxsave));
}

}  // namespace
