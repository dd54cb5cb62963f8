// Page tables and descriptor tables.
#include "hv/abi/xen/mmu.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "tests/fuzz/frames/world.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {

using namespace hv::abi::xen;
using namespace hv::x86;
using hv::Mfn;

namespace {

std::size_t guest_of(const World& world, std::uint16_t id, std::size_t otherwise) {
    for (std::size_t guest = 0; guest < kDomains; ++guest)
        if (world.guests[guest].domain->id.raw == id) return guest;
    return otherwise;
}

constexpr std::uint64_t kDone = 2 * hv::kPageSize - 8;  // where the count of what was done goes

// A table and one of the same level, which chance alone would not find.
bool name_own_level(World& world, std::size_t guest, MmuUpdate& update) {
    const std::vector<Mfn>& frames = world.guests[guest].frames;
    const std::uint8_t level = 2 + world.reader.byte() % 3u;
    std::vector<Mfn> tables;
    for (const Mfn mfn : frames)
        if (hv::valid_frame(mfn) && static_cast<std::uint8_t>(hv::frame_info(mfn).frame_type()) == level)
            tables.push_back(mfn);
    if (tables.empty()) return false;
    update.ptr = hv::address_of(tables[world.reader.byte() % tables.size()]).raw + world.slot() * sizeof(Pte);
    update.val = make_pte(tables[world.reader.byte() % tables.size()], kPtePresent | kPteUser);
    return true;
}

}  // namespace

void update_tables(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    const std::uint16_t owner = world.foreign(guest);
    const std::size_t tables = shape & 0x20 ? world.guest_index() : guest;
    const std::size_t frames = guest_of(world, owner, tables);
    const unsigned count = 1 + shape % 4;
    for (unsigned i = 0; i < count; ++i) {
        MmuUpdate& update = world.at<MmuUpdate>(i * sizeof(MmuUpdate));
        if (!(tables == kLinearGuest && (shape & 0x10) && name_own_level(world, tables, update))) {
            update.ptr = hv::address_of(world.frame(tables)).raw + world.slot() * sizeof(Pte);
            if (shape & 0x40) update.ptr += world.reader.byte() % 8;
            update.val = world.entry(frames);
        }
        world.tell("  0x{:x} = 0x{:x} (frames of {}, tables of {})", update.ptr, update.val, owner, tables);
    }
    const std::uint64_t whose = owner | (tables == guest ? 0 : world.guests[tables].domain->id.raw + std::uint64_t{1})
                                            << 16;
    world.call(vcpu, do_mmu_update, {{world.argument(), count, shape & 0x80 ? world.argument(kDone) : 0, whose, 0, 0}},
               tries);
}

void extended_operation(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    static constexpr MmuextCommand kCommands[] = {
        MmuextCommand::PinL1Table, MmuextCommand::PinL2Table, MmuextCommand::PinL3Table, MmuextCommand::PinL4Table,
        MmuextCommand::UnpinTable, MmuextCommand::UnpinTable, MmuextCommand::NewBaseptr, MmuextCommand::NewUserBaseptr,
        MmuextCommand::ClearPage,  MmuextCommand::CopyPage,   MmuextCommand::SetLdt,     MmuextCommand::TlbFlushMulti,
        MmuextCommand::InvlpgAll,  MmuextCommand::FlushCache, MmuextCommand::MarkSuper,  static_cast<MmuextCommand>(14),
    };
    const std::uint8_t shape = world.reader.byte();
    const std::uint16_t owner = world.foreign(guest);
    const std::size_t frames = guest_of(world, owner, guest);
    const unsigned count = 1 + shape % 4;
    for (unsigned i = 0; i < count; ++i) {
        const MmuextCommand command = kCommands[world.reader.byte() % std::size(kCommands)];
        MmuextOp& op = world.at<MmuextOp>(i * sizeof(MmuextOp));
        op = {};
        op.command = static_cast<std::uint32_t>(command);
        op.arg1.mfn = command == MmuextCommand::SetLdt ? world.virtual_address() : world.frame(frames).raw;
        op.arg2.src_mfn = command == MmuextCommand::SetLdt ? 600 : world.frame(frames).raw;
        world.tell("  op {} 0x{:x} 0x{:x} (of {})", op.command, op.arg1.mfn, op.arg2.src_mfn, owner);
    }
    world.call(vcpu, do_mmuext_op, {{world.argument(), count, shape & 0x80 ? world.argument(kDone) : 0, owner, 0, 0}},
               tries);
}

void update_mapping(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint64_t address = world.virtual_address();
    const std::uint16_t owner = world.foreign(guest);
    const Pte value = world.entry(guest_of(world, owner, guest));
    world.tell("  0x{:x} = 0x{:x} (of {})", address, value, owner);
    if (owner == kDomidSelf)
        world.call(vcpu, do_update_va_mapping, {{address, value, world.reader.byte() & 7u, 0, 0, 0}}, tries);
    else
        world.call(vcpu, do_update_va_mapping_otherdomain, {{address, value, kUvmfInvlpg | kUvmfAll, owner, 0, 0}},
                   tries);
}

// An instruction that writes to a page table, at an address where there may be one.
void write_table(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    static constexpr std::array<std::uint8_t, 6> kCode[] = {
        {0x48, 0x89, 0x07},
        {0x48, 0x87, 0x07},
        {0xf0, 0x48, 0x0f, 0xb1, 0x0f},
        {0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01},
        {0x48, 0x21, 0x07},
        {0x48, 0x09, 0x07},
        {0x89, 0x07},
        {0x48, 0xab},
    };
    const auto& code = kCode[world.reader.byte() % std::size(kCode)];
    std::memcpy(world.arguments(), code.data(), code.size());
    TrapFrame registers{};
    registers.rip = world.argument();
    registers.rdi = world.virtual_address() + world.slot() * sizeof(Pte);
    registers.rax = world.entry(guest);
    registers.rcx = world.entry(guest);
    world.tell("  at 0x{:x}: 0x{:x}, 0x{:x}", registers.rdi, registers.rax, registers.rcx);
    hv::Vcpu& before = fake::running_on(hv::current_cpu());
    fake::set_current(vcpu);
    emulate_table_write(vcpu, registers, registers.rdi);
    fake::set_current(before);
}

void change_descriptors(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    switch (shape % 4) {
        case 0: {
            const std::uint8_t page = shape / 4 % 4u;
            world.tell("  LDT page {}", page);
            hv::Vcpu& before = fake::running_on(hv::current_cpu());
            fake::set_current(vcpu);
            for (unsigned i = 0; i < tries; ++i) {
                const hv::Result<> mapped =
                    map_ldt_page(vcpu, page, shape & 0x80 ? hv::Preemption::Allowed : hv::Preemption::Forbidden);
                if (mapped || mapped.error() != hv::Error::Restart) break;
            }
            fake::set_current(before);
            return;
        }
        case 1: {
            const std::uint64_t where = hv::address_of(world.frame(guest)).raw + world.slot() * sizeof(Pte);
            const std::uint64_t descriptor = shape & 0x80 ? world.reader.word(8) : 0x00cf'f300'0000'ffff;
            world.tell("  descriptor at 0x{:x}", where);
            world.call(vcpu, do_update_descriptor, {{where, descriptor, 0, 0, 0, 0}}, tries);
            return;
        }
        default: {
            const std::uint32_t pages = shape / 4 % 4u;
            for (std::uint32_t i = 0; i < pages; ++i) {
                world.at<std::uint64_t>(i * 8) = world.frame(guest).raw;
                world.tell("  GDT frame 0x{:x}", world.at<std::uint64_t>(i * 8));
            }
            world.call(vcpu, do_set_gdt, {{world.argument(), pages * 512u, 0, 0, 0, 0}}, tries);
        }
    }
}

void plain_store(World& world, std::size_t guest) {
    const Mfn where = world.frame(guest);
    const unsigned index = world.slot();
    const Pte value = world.entry(guest);
    const bool stored = world.store(guest, where, index * sizeof(Pte), &value, sizeof value);
    world.tell("  frame 0x{:x}, entry {}: 0x{:x} ({})", where.raw, index, value, stored);
}

}  // namespace fuzz
