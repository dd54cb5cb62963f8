// Grant tables: entries, mappings, copies, versions.
#include "hv/abi/xen/grant_table.hpp"

#include "hv/hypercall/handlers.hpp"
#include "tests/fuzz/frames/world.hpp"

namespace fuzz {

using namespace hv::abi::xen;

namespace {

constexpr std::uint64_t kList = 1024;
constexpr std::uint32_t kRefs = 16;  // that scripts use

void grant_op(World& world, hv::Vcpu& vcpu, GrantCommand command, std::uint64_t count, unsigned tries = kPatient,
              Afterwards afterwards = {}) {
    world.call(vcpu, hv::do_grant_table_op, {{static_cast<std::uint64_t>(command), world.argument(), count, 0, 0, 0}},
               tries, std::move(afterwards));
}

// A call that names frames of the table in a list.
template <class Request>
void ask_for_frames(World& world, std::size_t guest, hv::Vcpu& vcpu, GrantCommand command, std::uint16_t id,
                    std::uint32_t frames) {
    Request& request = world.at<Request>(0);
    request = {};
    request.domid = id;
    request.nr_frames = frames;
    request.frame_list = world.argument(kList);
    request.status = 1;
    grant_op(world, vcpu, command, 1, kPatient, [&world, guest](std::int64_t) {
        const Request& done = world.at<Request>(0);
        for (std::uint32_t i = 0; done.status == 0 && i < done.nr_frames; ++i)
            world.learn_shown(guest, world.at<std::uint64_t>(kList + i * 8));
    });
}

// Where a mapping goes: a virtual address or an entry of one of its tables.
std::uint64_t place(World& world, std::size_t guest, bool machine_address) {
    if (!machine_address) return world.virtual_address();
    return hv::address_of(world.frame(guest)).raw + world.slot() * 8;
}

}  // namespace

void change_grant_table(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    const std::uint8_t shape = world.reader.byte();
    const std::uint16_t id = shape & 0x80 ? world.domain_id(guest) : kDomidSelf;
    switch (shape % 8) {
        case 0:
        case 1:
        case 2:
            world.at<GnttabSetVersion>(0).version = 1 + shape / 8 % 2u;
            world.tell("  version {}", world.at<GnttabSetVersion>(0).version);
            grant_op(world, vcpu, GrantCommand::SetVersion, 1);
            break;
        case 3:
        case 4:
            return ask_for_frames<GnttabSetupTable>(world, guest, vcpu, GrantCommand::SetupTable, id, shape / 8 % 8u);
        case 5:
        case 6:
            return ask_for_frames<GnttabGetStatusFrames>(world, guest, vcpu, GrantCommand::GetStatusFrames, id,
                                                         shape / 8 % 3u);
        default:
            world.at<GnttabQuerySize>(0) = {};
            world.at<GnttabQuerySize>(0).domid = id;
            grant_op(world, vcpu, GrantCommand::QuerySize, 1);
    }
}

// The guest writes an entry into its table.
void write_grant(World& world, std::size_t guest) {
    static constexpr std::uint16_t kFlags[] = {
        kGtfPermitAccess, kGtfPermitAccess,   kGtfPermitAccess, kGtfPermitAccess, kGtfPermitAccess | kGtfReadonly,
        kGtfTransitive,   kGtfAcceptTransfer, kGtfInvalid};
    const std::uint8_t shape = world.reader.byte();
    const std::uint32_t ref = shape % kRefs;
    std::uint16_t flags = kFlags[world.reader.byte() % std::size(kFlags)];
    const std::uint16_t user = world.domain_id(guest);
    const hv::Mfn frame = world.frame(guest);
    const hv::Mfn table = world.guests[guest].shown[0];
    bool stored;
    if (world.guests[guest].domain->grants.version() == 1) {
        const GrantEntryV1 entry{.flags = flags, .domid = user, .frame = static_cast<std::uint32_t>(frame.raw)};
        stored = world.store(guest, table, ref * sizeof entry, &entry, sizeof entry);
    } else {
        GrantEntryV2 entry{};
        entry.full_page = {.header = {.flags = flags, .domid = user}, .pad = 0, .frame = frame.raw};
        if (flags == kGtfTransitive) {
            entry.transitive.trans_domid = world.domain_id(guest);
            entry.transitive.gref = world.reader.byte() % kRefs;
        } else if (shape & 0x80) {
            entry.sub_page.header.flags |= kGtfSubPage;
            entry.sub_page.page_off = 0;
            entry.sub_page.length = 64;
        }
        stored = world.store(guest, table, ref * sizeof entry, &entry, sizeof entry);
    }
    world.tell("  entry {}: flags {} for {}, frame 0x{:x} ({})", ref, flags, user, frame.raw, stored);
}

void map_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    const unsigned count = 1 + shape % 3;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint8_t how = world.reader.byte();
        GnttabMapGrantRef& op = world.at<GnttabMapGrantRef>(i * sizeof(GnttabMapGrantRef));
        op = {};
        op.flags = how & 0x1f;
        if (how < 0xc0) op.flags |= kGntmapHostMap;
        op.domid = world.domain_id(guest);
        op.ref = world.reader.byte() % kRefs;
        op.host_addr = place(world, guest, op.flags & kGntmapContainsPte);
        op.status = 1;
        world.tell("  d{}'s grant {} at 0x{:x}, flags 0x{:x}", op.domid, op.ref, op.host_addr, op.flags);
    }
    grant_op(world, vcpu, GrantCommand::MapGrantRef, count, tries, [&world, guest, count](std::int64_t) {
        for (unsigned i = 0; i < count; ++i) {
            const GnttabMapGrantRef& op = world.at<GnttabMapGrantRef>(i * sizeof(GnttabMapGrantRef));
            if (op.status != 0) continue;
            world.tell("  mapped as {}", op.handle);
            world.mappings.push_back(
                {.by = guest, .handle = op.handle, .address = op.host_addr, .bus_address = op.dev_bus_addr});
        }
    });
}

void unmap_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    const bool replace = shape & 0x80;
    const unsigned count = 1 + shape % 3;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint8_t name = world.reader.byte();
        MadeMapping mapping{.by = guest, .handle = name, .address = 0x1000, .bus_address = 0x10000};
        if (!world.mappings.empty() && name < 0xf0) mapping = world.mappings[name % world.mappings.size()];
        if (name % 8 == 7) mapping.address = world.virtual_address();
        if (replace) {
            world.at<GnttabUnmapAndReplace>(i * sizeof(GnttabUnmapAndReplace)) = {
                .host_addr = mapping.address,
                .new_addr = name % 4 == 3 ? 0 : world.virtual_address(),
                .handle = mapping.handle,
                .status = 1,
                .pad = 0};
        } else {
            const std::uint8_t parts = world.reader.byte();
            world.at<GnttabUnmapGrantRef>(i * sizeof(GnttabUnmapGrantRef)) = {
                .host_addr = parts % 4 == 1 ? 0 : mapping.address,
                .dev_bus_addr = parts % 4 == 2 ? 0 : mapping.bus_address,
                .handle = mapping.handle,
                .status = 1,
                .pad = 0};
        }
        world.tell("  mapping {} at 0x{:x}{}", mapping.handle, mapping.address, replace ? ", replaced" : "");
    }
    grant_op(world, vcpu, replace ? GrantCommand::UnmapAndReplace : GrantCommand::UnmapGrantRef, count, tries);
}

void copy_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    const unsigned count = 1 + shape % 3;
    for (unsigned i = 0; i < count; ++i) {
        GnttabCopy& op = world.at<GnttabCopy>(i * sizeof(GnttabCopy));
        op = {};
        op.flags = shape / 4 % 4u;
        op.len = shape & 0x80 ? 64 : 4096;
        for (auto* end : {&op.source, &op.dest}) {
            const bool granted = op.flags & (end == &op.source ? kGntcopySourceGref : kGntcopyDestGref);
            end->domid = granted ? world.domain_id(guest) : std::uint16_t{kDomidSelf};
            if (granted)
                end->u.ref = world.reader.byte() % kRefs;
            else
                end->u.gmfn = world.frame(guest).raw;
        }
        world.tell("  from 0x{:x} of {} to 0x{:x} of {}, flags {}", op.source.u.gmfn, op.source.domid, op.dest.u.gmfn,
                   op.dest.domid, op.flags);
    }
    grant_op(world, vcpu, GrantCommand::Copy, count, tries, [&world, count](std::int64_t) {
        for (unsigned i = 0; i < count; ++i)
            world.tell("  status {}", world.at<GnttabCopy>(i * sizeof(GnttabCopy)).status);
    });
}

void transfer_or_swap(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    const std::uint8_t shape = world.reader.byte();
    if (shape & 1) {
        world.at<GnttabTransfer>(0) = {};
        world.at<GnttabTransfer>(0).mfn = world.frame(guest).raw;
        world.at<GnttabTransfer>(0).domid = world.domain_id(guest);
        world.at<GnttabTransfer>(0).ref = shape / 2 % kRefs;
        grant_op(world, vcpu, GrantCommand::Transfer, 1);
    } else {
        world.at<GnttabSwapGrantRef>(0) = {
            .ref_a = shape / 2 % kRefs, .ref_b = world.reader.byte() % kRefs, .status = 0, .pad = 0};
        grant_op(world, vcpu, GrantCommand::SwapGrantRef, 1);
    }
}

}  // namespace fuzz
