#include "tests/fuzz/frames/world.hpp"

#include <algorithm>
#include <functional>

#include "hv/abi/xen/grant_table.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/control/operation.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/relinquish.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/sched/sched.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {

using namespace hv::abi::xen;
using namespace hv::x86;
using hv::Mfn;

namespace {

constexpr Pte kTableFlags = kPtePresent | kPteWritable | kPteUser;
constexpr MmuextCommand kSpareTables[] = {MmuextCommand::PinL4Table, MmuextCommand::PinL4Table,
                                          MmuextCommand::PinL3Table, MmuextCommand::PinL3Table,
                                          MmuextCommand::PinL2Table, MmuextCommand::PinL2Table};

template <class Work>
bool finish(Work work) {
    for (unsigned i = 0; i < 1'000'000; ++i) {
        const hv::Result<> done = work();
        if (done) return true;
        if (done.error() != hv::Error::Restart) return false;
    }
    return false;
}

// What a domain's end does with the mappings that it has of others' grants; but the handles are for use again.
void release_mappings(hv::Domain& user) {
    for (hv::GrantHandle handle = 0; handle < user.grants.maptrack.capacity(); ++handle) {
        const hv::GrantMapping& mapping = *user.grants.maptrack.find(handle);
        const std::uint16_t flags = mapping.flags.load();
        if (flags == 0) continue;
        const bool readonly = flags & kGntmapReadonly;
        const hv::GrantRef ref = mapping.ref();
        if (const auto granter = hv::find_domain(mapping.domain.load())) {
            hv::GrantTable& table = (*granter)->grants;
            const auto frame = table.mapped_frame(ref, user.id);
            if (flags & kGntmapDeviceMap)
                table.unpin(ref, user.id, readonly ? hv::GrantUse::DeviceRead : hv::GrantUse::DeviceWrite);
            if (flags & kGntmapHostMap)
                table.unpin(ref, user.id, readonly ? hv::GrantUse::HostRead : hv::GrantUse::HostWrite);
            if (frame && (flags & kGntmapDeviceMap)) hv::put_granted_frame(hv::frame_info(*frame), readonly);
        }
        user.grants.maptrack.give_back(hv::VcpuId{0}, handle);
    }
}

}  // namespace

thread_local std::size_t World::part = 0;
thread_local std::vector<Listed>* World::list = nullptr;

World::World(std::span<const std::uint8_t> script) : reader{script} {
    fake::on_cpu(hv::CpuId{0});
    preempt(0, 0);
    guests[0].domain = &fake::dom0();
    guests[0].domain->vcpu(kSpareVcpu)->flags.fetch_and(~std::uint32_t{hv::kVcpuInitialised});
    for (std::size_t guest = 1; guest < kDomains; ++guest) make(guest);
    fake::settle();
    baseline_ = audit::usage();
    memory.resize(kTogether * kParts * kArguments);
    fake::restrict_guest_memory(memory.data(), memory.size());
    for (std::size_t guest = 0; guest < kDomains; ++guest) set_up(guest);
}

World::~World() {
    fake::restrict_guest_memory(nullptr, 0);
    preempt(0, 0);
}

void World::make(std::size_t guest) {
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = kVcpus + 1;
    config.max_frames = 72;
    config.max_grant_frames = 6;
    config.max_maptrack_frames = 2;
    if (guest == kLinearGuest) config.flags = hv::abi::control::kCreateLinearPageTables;
    guests[guest] = Guest{};
    guests[guest].domain = &fake::make_domain(config);
    guests[guest].domain->vcpu(kSpareVcpu)->flags.fetch_and(~std::uint32_t{hv::kVcpuInitialised});
    guests[guest].id = guests[guest].domain->id;
}

// Every domain starts with a tree that maps all of its frames, tables read-only: L4, L3, two L2, three L1. One that may
// have linear tables starts with two pinned ones of each level, too, which could name each other.
void World::set_up(std::size_t guest) {
    Guest& self = guests[guest];
    for (std::size_t i = 0; i < kFrames; ++i) self.frames.push_back(fake::give_page(*self.domain));
    const auto link = [&](std::size_t table, unsigned index, std::size_t below, Pte flags) {
        static_cast<Pte*>(hv::frame_pointer(self.frames[table]))[index] = make_pte(self.frames[below], flags);
    };
    link(0, 0, 1, kTableFlags);
    link(1, 0, 2, kTableFlags);
    link(1, 1, 3, kTableFlags);
    link(2, 0, 4, kTableFlags);
    link(2, 1, 5, kTableFlags);
    link(3, 0, 6, kTableFlags);
    constexpr std::size_t kTree = 7;
    const std::size_t tables = guest == kLinearGuest ? kTree + std::size(kSpareTables) : kTree;
    for (unsigned i = 0; i < kFrames; ++i) link(4, i, i, i < tables ? kPtePresent | kPteUser : kTableFlags);
    for (std::size_t vcpu = 0; vcpu < kVcpus; ++vcpu) {
        at<MmuextOp>(0) = {};
        at<MmuextOp>(0).command = static_cast<std::uint32_t>(MmuextCommand::NewBaseptr);
        at<MmuextOp>(0).arg1.mfn = self.frames[0].raw;
        call(*self.domain->vcpu(hv::VcpuId{static_cast<std::uint32_t>(vcpu)}), do_mmuext_op,
             {{argument(), 1, 0, kDomidSelf, 0, 0}});
    }
    for (std::size_t i = kTree; i < tables; ++i) {
        at<MmuextOp>(0) = {};
        at<MmuextOp>(0).command = static_cast<std::uint32_t>(kSpareTables[i - kTree]);
        at<MmuextOp>(0).arg1.mfn = self.frames[i].raw;
        call(*self.domain->vcpu(hv::VcpuId{0}), do_mmuext_op, {{argument(), 1, 0, kDomidSelf, 0, 0}});
    }
    at<GnttabSetupTable>(0) = {};
    at<GnttabSetupTable>(0).domid = kDomidSelf;
    at<GnttabSetupTable>(0).nr_frames = 1;
    at<GnttabSetupTable>(0).frame_list = argument(256);
    call(*self.domain->vcpu(hv::VcpuId{0}), hv::do_grant_table_op,
         {{static_cast<std::uint64_t>(GrantCommand::SetupTable), argument(), 1, 0, 0, 0}});
    self.shown = {Mfn{at<std::uint64_t>(256)}, self.domain->shared_info.frame()};
}

std::size_t World::guest_index() {
    const std::size_t guest = reader.byte() % kDomains;
    return guests[guest].domain ? guest : 0;
}

Mfn World::frame(std::size_t guest) {
    const std::uint8_t name = reader.byte();
    const auto pick = [](const std::vector<Mfn>& list, std::size_t index) {
        return list.empty() ? Mfn{0} : list[index % list.size()];
    };
    if (name < 0xc0) return pick(guests[guest].frames, name);
    if (name < 0xd8) return pick(guests[(guest + 1 + name % 2) % kDomains].frames, name / 2);
    if (name < 0xec) return pick(guests[guest].shown, name);
    if (name < 0xf6) return pick(guests[(guest + 1 + name % 2) % kDomains].shown, name / 2);
    static constexpr std::uint64_t kOthers[] = {
        0, 1, 16, 0xf'ee00, 0xf'ffff, 0x100'0000, 0xff'ffff'ffff, 8192, 8191, ~std::uint64_t{0}};
    return Mfn{kOthers[name - 0xf6]};
}

Pte World::entry(std::size_t guest) {
    const std::uint8_t kind = reader.byte();
    if (kind < 0x10) return kind & 1 ? 0 : Pte{kind} << 8;
    if (kind == 0xff) return reader.word(8);
    Pte flags = kPtePresent;
    if (kind & 1) flags |= kPteWritable;
    if (kind & 2) flags |= kPteUser;
    if ((kind & 0x1c) == 0x1c) flags |= Pte{reader.byte()} << 1;
    if ((kind & 0xe0) == 0xe0) flags |= Pte{reader.byte()} << 56;
    return make_pte(frame(guest), flags);
}

// Few slots, so that tables get in each other's way; those around hv's own among them.
unsigned World::slot() {
    static constexpr unsigned kSlots[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 255, 256, 271, 272, 510, 511};
    return kSlots[reader.byte() % std::size(kSlots)];
}

std::uint64_t World::virtual_address() {
    const std::uint8_t name = reader.byte();
    if (name < 0xe0) return std::uint64_t{name} % 3 << 21 | std::uint64_t{name} / 3 % 32 << 12;
    static constexpr std::uint64_t kOthers[] = {0xffff'8000'0000'0000,
                                                0xffff'87ff'ffff'f000,
                                                0xffff'8800'0000'0000,
                                                ~std::uint64_t{0},
                                                0x0000'8000'0000'0000,
                                                0x0000'7fff'ffff'f000,
                                                1u << 30,
                                                0xffff'ffff'8000'0000};
    return kOthers[name % 8];
}

std::uint16_t World::domain_id(std::size_t guest) {
    const std::uint8_t name = reader.byte();
    if (name < 0xe0) return guests[name % kDomains].domain->id.raw;
    static constexpr std::uint16_t kOthers[] = {kDomidSelf, kDomidIo, kDomidXen, kDomidInvalid, 4000, 0xffff};
    const std::size_t index = name % 8u;
    return index < std::size(kOthers) ? kOthers[index] : guests[guest].domain->id.raw;
}

std::uint16_t World::foreign(std::size_t guest) {
    const std::uint8_t name = reader.byte();
    if (name < 0x90) return kDomidSelf;
    static constexpr std::uint16_t kOthers[] = {kDomidIo, kDomidXen, kDomidSelf, 4000};
    if (name & 0x20) return kOthers[name % 4];
    static_cast<void>(guest);
    return guests[name % kDomains].domain->id.raw;
}

void World::call(hv::Vcpu& vcpu, hv::HypercallHandler handler, hv::HypercallArguments arguments, unsigned tries,
                 Afterwards afterwards) {
    if (list && list->size() < kListed) {
        list->push_back({handler, arguments, std::move(afterwards), part++});
        return;
    }
    hv::Vcpu& before = fake::running_on(hv::current_cpu());
    fake::set_current(vcpu);
    hv::HypercallResult result = hv::fail(hv::Error::Restart);
    for (unsigned i = 0; i < tries && !result && result.error() == hv::Error::Restart; ++i) result = handler(arguments);
    fake::set_current(before);
    if (!result && result.error() == hv::Error::Restart) {
        tell("  left after {} tries", tries);
        const auto first = memory.begin() + static_cast<std::ptrdiff_t>(part / kParts * kParts * kArguments);
        for (Guest& guest : guests)
            if (guest.domain == &vcpu.domain)
                guest.pending[vcpu.id.raw % kVcpus] = {
                    handler, arguments, std::move(afterwards), {first, first + kParts * kArguments}, part};
        return;
    }
    tell("  gave {}", hv::to_guest(result));
    if (afterwards) afterwards(hv::to_guest(result));
}

void World::resume(std::size_t guest, std::size_t vcpu) {
    Pending pending = std::exchange(guests[guest].pending[vcpu], {});
    if (!pending.handler) return;
    part = pending.part;  // the arguments name addresses there
    std::ranges::copy(pending.memory,
                      memory.begin() + static_cast<std::ptrdiff_t>(part / kParts * kParts * kArguments));
    call(*guests[guest].domain->vcpu(hv::VcpuId{static_cast<std::uint32_t>(vcpu)}), pending.handler, pending.arguments,
         kPatient, std::move(pending.afterwards));
}

bool World::store(std::size_t guest, Mfn where, std::uint64_t offset, const void* bytes, std::size_t size) {
    const auto info = hv::get_frame_to_map(where, guests[guest].domain->id);
    if (!info) return false;
    if (!hv::get_frame_type(**info, hv::FrameType::Writable, hv::Preemption::Allowed)) {
        hv::put_frame(**info);
        return false;
    }
    std::memcpy(static_cast<std::byte*>(hv::frame_pointer(where)) + offset, bytes, size);
    hv::put_frame_and_type(**info);
    return true;
}

void World::learn(std::size_t guest, std::uint64_t mfn) {
    std::vector<Mfn>& frames = guests[guest].frames;
    if (frames.size() < kMostFrames)
        frames.push_back(Mfn{mfn});
    else
        frames[mfn % kMostFrames] = Mfn{mfn};
}

void World::learn_shown(std::size_t guest, std::uint64_t mfn) {
    std::vector<Mfn>& shown = guests[guest].shown;
    const Mfn frame{mfn};
    if (std::ranges::find(shown, frame) == shown.end() && shown.size() < 16) shown.push_back(frame);
}

void World::preempt(std::uint8_t how, std::uint64_t seed) {
    const unsigned mode = how % 8;
    if (mode < 6) return fake::preempt_as([count = 0u, mode]() mutable { return mode != 0 && ++count % mode == 0; });
    fake::preempt_as([state = seed | 1, mask = (1u << how / 8 % 4) - 1]() mutable {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (state >> 20 & mask) == 0;
    });
}

void World::pause_all(bool paused) {
    for (std::size_t guest = 1; guest < kDomains; ++guest) guests[guest].domain->paused_by_control = paused;
}

void World::destroy_some(std::size_t guest) {
    Guest& self = guests[guest];
    self.dying = true;
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(self.domain->max_vcpus)) {
        self.domain->vcpu(id)->flags.fetch_or(hv::kVcpuDown);
        hv::sched_sleep(*self.domain->vcpu(id));
    }
    fake::settle();
    fake::on_cpu(hv::CpuId{0});
    at<hv::control::DomainOnly>(0) = {};
    at<hv::control::DomainOnly>(0).domain = self.domain->id.raw;
    const auto operation = static_cast<std::uint64_t>(hv::control::Operation::DestroyDomain);
    call(*guests[0].domain->vcpu(hv::VcpuId{0}), hv::do_control,
         {{operation, argument(), sizeof(hv::control::DomainOnly), 0, 0, 0}}, 1 + reader.byte() % 4u);
}

// Also by a call that was resumed.
void World::replace_the_gone() {
    for (std::size_t guest = 1; guest < kDomains; ++guest) {
        if (!guests[guest].dying || hv::domain_in_table(guests[guest].id)) continue;
        tell("  guest {} is gone", guest);
        make(guest);
        set_up(guest);
    }
}

// The first domain lives on, without what it had here; the others are destroyed.
std::string World::end() {
    preempt(3, 0);
    fake::on_cpu(hv::CpuId{0});
    hv::Domain& dom0 = *guests[0].domain;
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(dom0.max_vcpus)) {
        if (!finish([&] { return hv::relinquish_vcpu(*dom0.vcpu(id)); }))
            return "a vCPU of the privileged domain keeps something\n";
        dom0.vcpu(id)->flags.fetch_or(hv::kVcpuInitialised);
    }
    dom0.kind.relinquish_domain(dom0);
    const auto reset = [&dom0]() -> hv::Result<> {
        hv::Result<> done = dom0.events.reset();
        // One that was left half done is finished first, and what was made meanwhile is its caller's to reset again.
        if (!done && done.error() == hv::Error::Again) done = hv::fail(hv::Error::Restart);
        return done;
    };
    if (!finish(reset)) return "events cannot be reset\n";
    if (!hv::set_claim(dom0, 0)) return "a claim cannot be dropped\n";
    if (!finish([&] { return hv::relinquish_frames(dom0); })) return "frames cannot be relinquished\n";
    release_mappings(dom0);
    if (std::string wrong = audit::report(); !wrong.empty()) return wrong;
    // Domains that map each other's frames end in rounds.
    for (int round = 0; round < 4; ++round)
        for (std::size_t guest = 1; guest < kDomains; ++guest) {
            Guest& self = guests[guest];
            if (!self.domain || !fake::destroy(*self.domain)) continue;
            self.domain = nullptr;
            if (std::string wrong = audit::report(); !wrong.empty()) return wrong;
        }
    for (std::size_t guest = 1; guest < kDomains; ++guest)
        if (guests[guest].domain) return "a domain's frames do not come back\n" + audit::report();
    for (const Mfn frame : guests[0].shown)
        if (hv::valid_frame(frame) && hv::frame_info(frame).owner() == dom0.id && frame != dom0.shared_info.frame())
            std::memset(hv::frame_pointer(frame), 0, hv::kPageSize);
    if (audit::usage().lost != baseline_.lost) return "frames got lost\n";
    if (dom0.frames != 0) return "the privileged domain keeps frames\n" + audit::report();
    return audit::report();
}

}  // namespace fuzz
