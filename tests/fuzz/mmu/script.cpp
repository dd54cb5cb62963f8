// One step of a script: what is done (1 byte), by which vCPU (1), and then what the operation needs. Frames are named
// by a byte: which of the machine's frames, most of them the caller's own.
#include "tests/fuzz/mmu/script.hpp"

#include <array>
#include <cstring>
#include <vector>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/relinquish.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "tests/unit/fakes/audit.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {
namespace {

using namespace hv::abi::xen;
using namespace hv::x86;
using hv::Mfn;

constexpr std::size_t kMostSteps = 150;
constexpr std::size_t kFrames = 24;  // of each domain; the first ones are set up as page tables
constexpr Pte kTableFlags = kPtePresent | kPteWritable | kPteUser;

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t value = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return value;
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

class Play {
  public:
    explicit Play(std::span<const std::uint8_t> script) : reader_{script} {
        fake::on_cpu(hv::CpuId{0});
        domains_ = {&fake::dom0(), &fake::make_domain(2), &fake::make_linear_domain(2)};
        fake::settle();
        baseline_ = audit::usage();
        for (hv::Domain* domain : domains_) set_up(*domain);
        memory_.resize(hv::kPageSize);
        fake::restrict_guest_memory(memory_.data(), memory_.size());
    }

    std::string run() {
        std::string wrong = audit::report();
        for (std::size_t i = 0; i < kMostSteps && !reader_.empty() && wrong.empty(); ++i) {
            step();
            wrong = audit::report();
        }
        return wrong.empty() ? end() : wrong;
    }

  private:
    // Every domain starts with a tree that maps all of its frames, tables read-only: L4, L3, two L2, three L1.
    void set_up(hv::Domain& domain) {
        std::vector<Mfn>& own = frames_[index_of(domain)];
        for (std::size_t i = 0; i < kFrames; ++i) own.push_back(fake::give_page(domain));
        const auto link = [&](std::size_t table, unsigned slot, std::size_t below, Pte flags) {
            static_cast<Pte*>(hv::frame_pointer(own[table]))[slot] = make_pte(own[below], flags);
        };
        link(0, 0, 1, kTableFlags);
        link(1, 0, 2, kTableFlags);
        link(1, 1, 3, kTableFlags);
        link(2, 0, 4, kTableFlags);
        link(2, 1, 5, kTableFlags);
        link(3, 0, 6, kTableFlags);
        for (unsigned i = 0; i < kFrames; ++i) link(4, i, i, i < 7 ? kPtePresent | kPteUser : kTableFlags);
        ext(*domain.vcpu(hv::VcpuId{0}), MmuextCommand::NewBaseptr, own[0].raw, 0, kDomidSelf);
        // The second vCPU shares it, where there is one.
        if (domain.vcpu(hv::VcpuId{1}))
            ext(*domain.vcpu(hv::VcpuId{1}), MmuextCommand::NewBaseptr, own[0].raw, 0, kDomidSelf);
    }

    std::size_t index_of(const hv::Domain& domain) const {
        return &domain == domains_[0] ? 0 : &domain == domains_[1] ? 1 : 2;
    }

    // Names a frame: mostly one of `domain`'s.
    Mfn frame(const hv::Domain& domain) {
        const std::uint8_t name = reader_.byte();
        const std::size_t own = index_of(domain);
        if (name < 0xd0) return frames_[own][name % kFrames];
        if (name < 0xf0) return frames_[(own + 1 + name % 2) % frames_.size()][name / 2 % kFrames];
        static constexpr std::uint64_t kOthers[] = {0, 1, 16, 0xf'ee00, 0xf'ffff, 0x100'0000, 0xff'ffff'ffff, 8192};
        if (name < 0xf8) return Mfn{kOthers[name % 8]};
        return domain.shared_info.frame();
    }

    Pte entry(const hv::Domain& domain) {
        const std::uint8_t kind = reader_.byte();
        if (kind < 0x10) return kind & 1 ? 0 : Pte{kind} << 8;
        if (kind == 0xff) {
            Pte wild = 0;
            for (int i = 0; i < 8; ++i) wild = wild << 8 | reader_.byte();
            return wild;
        }
        Pte flags = kPtePresent;
        if (kind & 1) flags |= kPteWritable;
        if (kind & 2) flags |= kPteUser;
        if ((kind & 0x1c) == 0x1c) flags |= Pte{reader_.byte()} << 1;
        if ((kind & 0xe0) == 0xe0) flags |= Pte{reader_.byte()} << 56;
        return make_pte(frame(domain), flags);
    }

    // Few slots, so that tables get in each other's way; those around hv's own among them.
    unsigned slot() {
        static constexpr unsigned kSlots[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 255, 256, 271, 272, 510, 511};
        return kSlots[reader_.byte() % std::size(kSlots)];
    }

    std::uint64_t virtual_address() {
        const std::uint8_t name = reader_.byte();
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

    std::uint64_t foreign(const hv::Domain& domain) {
        const std::uint8_t name = reader_.byte();
        if (name < 0x80) return kDomidSelf;
        static constexpr std::uint16_t kOthers[] = {kDomidIo, kDomidXen, kDomidSelf, 4000};
        const std::uint16_t owner = name & 0x20 ? kOthers[name % 4] : domains_[name % domains_.size()]->id.raw;
        const std::uint64_t tables = name & 0x40 ? domains_[name / 4 % domains_.size()]->id.raw + 1u : 0;
        static_cast<void>(domain);
        return tables << 16 | owner;
    }

    // As the guest's hypercall page does, but an impatient guest gives up after `tries`.
    void call(hv::Vcpu& vcpu, hv::HypercallHandler handler, hv::HypercallArguments arguments, unsigned tries) {
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(vcpu);
        for (unsigned i = 0; i < tries; ++i) {
            const hv::HypercallResult result = handler(arguments);
            if (result || result.error() != hv::Error::Restart) break;
        }
        fake::set_current(before);
    }

    std::uint64_t argument() { return reinterpret_cast<std::uintptr_t>(memory_.data()); }
    std::uint64_t done_address() { return argument() + hv::kPageSize - 8; }

    void ext(hv::Vcpu& vcpu, MmuextCommand command, std::uint64_t first, std::uint64_t second, std::uint64_t whose) {
        MmuextOp op{};
        op.command = static_cast<std::uint32_t>(command);
        op.arg1.mfn = first;
        op.arg2.src_mfn = second;
        call(vcpu, do_mmuext_op, {{reinterpret_cast<std::uintptr_t>(&op), 1, 0, whose, 0, 0}}, kPatient);
    }

    void step() {
        const std::uint8_t what = reader_.byte();
        const std::uint8_t who = reader_.byte();
        hv::Domain& domain = *domains_[who % 3];
        hv::Vcpu& vcpu = *domain.vcpu(hv::VcpuId{who / 4u % 2});
        const unsigned tries = who < 0xc0 ? kPatient : 1u + who % 8;
        switch (what % 12) {
            case 0:
            case 1:
            case 2: update(vcpu, tries); break;
            case 3:
            case 4:
            case 5: extended(vcpu, tries); break;
            case 6: {
                const std::uint64_t address = virtual_address();
                const Pte value = entry(domain);
                call(vcpu, do_update_va_mapping, {{address, value, who & 7u, 0, 0, 0}}, tries);
                break;
            }
            case 7: {
                const std::uint64_t address = virtual_address();
                const std::uint64_t whose = foreign(domain) & 0xffff;
                const Pte value = entry(*domains_[whose == domains_[1]->id.raw ? 1 : index_of(domain)]);
                call(vcpu, do_update_va_mapping_otherdomain, {{address, value, kUvmfInvlpg | kUvmfAll, whose, 0, 0}},
                     tries);
                break;
            }
            case 8: write(vcpu); break;
            case 9: segments(vcpu); break;
            case 10: plain_store(vcpu); break;
            case 11: fake::preempt_every(who % 6); break;
        }
    }

    void update(hv::Vcpu& vcpu, unsigned tries) {
        const std::uint8_t shape = reader_.byte();
        const std::uint64_t whose = foreign(vcpu.domain);
        hv::Domain& table_owner = (whose >> 16) == domains_[1]->id.raw + 1u ? *domains_[1] : vcpu.domain;
        const unsigned count = 1 + shape % 4;
        auto* updates = reinterpret_cast<MmuUpdate*>(memory_.data());
        for (unsigned i = 0; i < count; ++i) {
            updates[i].ptr = hv::address_of(frame(table_owner)).raw + slot() * sizeof(Pte);
            if (shape & 0x40) updates[i].ptr += reader_.byte() % 8;
            updates[i].val = entry(table_owner);
        }
        call(vcpu, do_mmu_update, {{argument(), count, shape & 0x80 ? done_address() : 0, whose, 0, 0}}, tries);
    }

    void extended(hv::Vcpu& vcpu, unsigned tries) {
        static constexpr MmuextCommand kCommands[] = {
            MmuextCommand::PinL1Table,      MmuextCommand::PinL2Table,     MmuextCommand::PinL3Table,
            MmuextCommand::PinL4Table,      MmuextCommand::UnpinTable,     MmuextCommand::UnpinTable,
            MmuextCommand::NewBaseptr,      MmuextCommand::NewUserBaseptr, MmuextCommand::ClearPage,
            MmuextCommand::CopyPage,        MmuextCommand::SetLdt,         MmuextCommand::TlbFlushMulti,
            MmuextCommand::InvlpgAll,       MmuextCommand::FlushCache,     MmuextCommand::MarkSuper,
            static_cast<MmuextCommand>(14),
        };
        const std::uint8_t shape = reader_.byte();
        const std::uint64_t whose = foreign(vcpu.domain) & 0xffff;
        hv::Domain& owner = whose == domains_[1]->id.raw ? *domains_[1] : vcpu.domain;
        const unsigned count = 1 + shape % 4;
        auto* ops = reinterpret_cast<MmuextOp*>(memory_.data());
        for (unsigned i = 0; i < count; ++i) {
            const MmuextCommand command = kCommands[reader_.byte() % std::size(kCommands)];
            ops[i] = {};
            ops[i].command = static_cast<std::uint32_t>(command);
            ops[i].arg1.mfn = command == MmuextCommand::SetLdt ? virtual_address() : frame(owner).raw;
            ops[i].arg2.src_mfn = command == MmuextCommand::SetLdt ? 600 : frame(owner).raw;
        }
        call(vcpu, do_mmuext_op, {{argument(), count, shape & 0x80 ? done_address() : 0, whose, 0, 0}}, tries);
    }

    // An instruction that writes to a page table, at an address where there may be one.
    void write(hv::Vcpu& vcpu) {
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
        const auto& code = kCode[reader_.byte() % std::size(kCode)];
        std::memcpy(memory_.data(), code.data(), code.size());
        TrapFrame registers{};
        registers.rip = argument();
        registers.rdi = virtual_address() + slot() * sizeof(Pte);
        registers.rax = entry(vcpu.domain);
        registers.rcx = entry(vcpu.domain);
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(vcpu);
        emulate_table_write(vcpu, registers, registers.rdi);
        fake::set_current(before);
    }

    void segments(hv::Vcpu& vcpu) {
        const std::uint8_t shape = reader_.byte();
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(vcpu);
        if (shape & 1) {
            map_ldt_page(vcpu, shape / 2 % 4, hv::Preemption::Allowed);
        } else {
            const std::uint64_t frames[] = {frame(vcpu.domain).raw, frame(vcpu.domain).raw};
            static_cast<void>(set_gdt(vcpu, frames, shape / 2 % 3, 512));
        }
        fake::set_current(before);
    }

    // The guest writes to a frame that it may have mapped writable: any contents, of a page table to be among them.
    void plain_store(hv::Vcpu& vcpu) {
        const Mfn where = frame(vcpu.domain);
        const unsigned index = slot();
        const Pte value = entry(vcpu.domain);
        const auto info = hv::get_frame_and_type(where, vcpu.domain.id, hv::FrameType::Writable);
        if (!info) return;
        // hv's shared pages are hv's to check.
        if (vcpu.domain.shared_info.frame() != where) static_cast<Pte*>(hv::frame_pointer(where))[index] = value;
        hv::put_frame_and_type(**info);
    }

    template <class Work>
    static bool finish(Work work) {
        for (unsigned i = 0; i < 1'000'000; ++i) {
            const hv::Result<> done = work();
            if (done) return true;
            if (done.error() != hv::Error::Restart) return false;
        }
        return false;
    }

    // The first domain lives on, without what it had here; the others are destroyed.
    std::string end() {
        fake::restrict_guest_memory(nullptr, 0);
        hv::Domain& dom0 = *domains_[0];
        for (hv::VcpuId id : hv::ids<hv::VcpuId>(dom0.max_vcpus)) {
            hv::Vcpu& vcpu = *dom0.vcpu(id);
            if (!finish([&] { return drop_tables(vcpu); })) return "a vCPU's tables cannot be dropped\n";
            release_gdt(vcpu);
            release_ldt(vcpu);
        }
        if (!finish([&] { return hv::relinquish_frames(dom0); })) return "frames cannot be relinquished\n";
        if (std::string wrong = audit::report(); !wrong.empty()) return wrong;
        // Domains that map each other's frames end in rounds.
        fake::preempt_every(3);
        bool gone[] = {false, false};
        for (int round = 0; round < 4; ++round)
            for (int i = 0; i < 2; ++i)
                if (!gone[i]) gone[i] = fake::destroy(*domains_[static_cast<std::size_t>(i) + 1]);
        fake::preempt_every(0);
        if (!gone[0] || !gone[1]) return "a domain's frames do not come back\n" + audit::report();
        const audit::Usage now = audit::usage();
        if (now.lost != baseline_.lost) return "frames got lost\n";
        if (dom0.frames != 0) return "the privileged domain keeps frames\n" + audit::report();
        return audit::report();
    }

    static constexpr unsigned kPatient = 100'000;

    Reader reader_;
    std::array<hv::Domain*, 3> domains_{};
    std::array<std::vector<Mfn>, 3> frames_;
    std::vector<std::uint8_t> memory_;
    audit::Usage baseline_;
};

}  // namespace

std::string run_mmu_script(std::span<const std::uint8_t> script) {
    fake::preempt_every(0);
    return Play{script}.run();
}

}  // namespace fuzz
