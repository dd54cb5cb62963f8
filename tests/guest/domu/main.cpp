// Promised: a second domain built with the control hypercall starts as the ABI says, unprivileged, and ends cleanly.
// Exercised: create, populate, copy, hypercall page, pin, context, unpause, information, destroy; in the domain:
// memory, page tables, events, timer, a second vCPU, very many lines for hv's console. A pass means: the domain did all
// that a small kernel does, its lines displaced none that hv logs of itself, and nothing of it is left afterwards.
#include "hv/abi/control/console.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "hv/abi/control/vcpu_state.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace control = hv::abi::control;

namespace {

u64 mailbox;

void check_timer() {
    vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr);
    const u32 timer = static_cast<u32>(bind_virq(Virq::Timer));
    const u64 seen = upcall_count(timer);
    VcpuSetSingleshotTimer op{system_time() + 2'000'000, 0, 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, &op), 0);
    wait_for_upcall(timer, seen);
}

// More than hv keeps of them.
void write_many_lines() {
    static char page[4096];
    for (u64 i = 0; i < sizeof(page); ++i) page[i] = i % 64 == 63 ? '\n' : 'x';
    for (unsigned i = 0; i < 40; ++i)
        EXPECT_EQ(hypercall(HypercallId::ConsoleIo, ConsoleCommand::Write, sizeof(page), page), 0);
}

// hv's log from its very beginning (position 0 would ask for what there is).
void check_log_is_whole() {
    static char text[64];
    control::ReadConsole read{};
    read.buffer = reinterpret_cast<u64>(text);
    read.position = 1;
    read.capacity = sizeof(text);
    EXPECT_EQ(control_op(control::Operation::ReadConsole, read), 0);
    EXPECT_EQ(read.position, 1);
    EXPECT_EQ(read.length, sizeof(text));
}

// The record of one kind out of the vCPU's state; zeros when there is none.
template <class Contents>
Contents record_of(const u8* state, u64 size, control::VcpuRecordKind kind) {
    Contents found{};
    const control::VcpuRecord* record;
    for (u64 at = 0; at < size; at += control::vcpu_record_size(record->length)) {
        record = reinterpret_cast<const control::VcpuRecord*>(state + at);
        if (record->kind == static_cast<u32>(kind) && record->length >= sizeof(found))
            found = *reinterpret_cast<const Contents*>(record + 1);
    }
    return found;
}

// A domain that is built and has not run yet: its state is what it was given.
void check_state(const DomU& domain) {
    alignas(8) static u8 state[16384];
    control::GetVcpuState get{};
    get.domain = domain.id;
    get.buffer = reinterpret_cast<u64>(state);
    EXPECT_EQ(control_op(control::Operation::GetVcpuState, get), -kENOBUFS);
    EXPECT_TRUE(get.size > 0 && get.size <= sizeof(state));
    get.capacity = sizeof(state);
    EXPECT_EQ(control_op(control::Operation::GetVcpuState, get), 0);
    const auto general = record_of<control::VcpuGeneralRegisters>(state, get.size, control::VcpuRecordKind::General);
    EXPECT_EQ(general.rdi, 7);  // its role
    EXPECT_TRUE(general.rip != 0 && general.rsp != 0);
    const auto tables = record_of<control::PvTables>(state, get.size, control::VcpuRecordKind::PvTables);
    const auto registers = record_of<control::VcpuControlRegisters>(state, get.size, control::VcpuRecordKind::Control);
    EXPECT_EQ(registers.cr3, tables.kernel * kPageSize);
    EXPECT_TRUE(tables.kernel != 0 && tables.user == 0);
    const auto fpu = record_of<control::VcpuFpu>(state, get.size, control::VcpuRecordKind::Fpu);
    EXPECT_TRUE(fpu.size >= 512 && fpu.xcr0 == 1);
    get.vcpu = 1;  // not started
    EXPECT_EQ(control_op(control::Operation::GetVcpuState, get), -kENOENT);
}

}  // namespace

void guest::domu_main(u64 role) {
    EXPECT_EQ(role, 7);
    EXPECT_EQ(start_info().flags & (kSifPrivileged | kSifInitdomain), 0);
    EXPECT_EQ(xen_version(VersionCommand::Pagesize, nullptr), 4096);
    const Page table = make_table();
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    EXPECT_TRUE(make_writable(table) < 0);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
    const Fault fault = try_write(0x1000);
    EXPECT_TRUE(fault.happened && fault.vector == kPageFault && fault.cr2 == 0x1000);
    check_timer();
    EXPECT_EQ(vcpu_count(), 2);
    static volatile bool ran;
    EXPECT_EQ(start_vcpu(
                  1, [](void*) { ran = true; }, nullptr),
              0);
    wait_until_down(1);
    EXPECT_TRUE(ran);
    write_many_lines();
    mailbox = mailbox + 1;
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const DomU domain = build_domu({.role = 7, .vcpus = 2});
    control::DomainInfo info = domu_info(domain);
    EXPECT_EQ(info.frames, domain.pages);
    EXPECT_EQ(info.max_vcpus, 2);
    EXPECT_TRUE(info.flags & control::kDomainPaused && !(info.flags & control::kDomainPrivileged));
    check_state(domain);
    write_domu(domain, mailbox, u64{41});
    unpause_domu(domain);
    expect_end(domain, control::ShutdownReason::Poweroff);
    EXPECT_EQ(read_domu(domain, mailbox), 42);
    check_log_is_whole();
    info = domu_info(domain);
    EXPECT_TRUE(info.flags & control::kDomainShutdown && info.cpu_time_ns > 0);
    EXPECT_EQ(destroy_domu(domain), 0);
    control::GetDomain gone{};
    gone.domain = domain.id;
    EXPECT_EQ(control_op(control::Operation::GetDomain, gone), -kESRCH);
}
