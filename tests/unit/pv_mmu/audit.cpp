#include "tests/unit/pv_mmu/audit.hpp"

#include <array>
#include <unordered_map>
#include <utility>

#include "hv/base/format.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/x86/pv/arch_vcpu.hpp"
#include "hv/x86/pv/entry_references.hpp"
#include "hv/x86/pv/hv_slots.hpp"
#include "hv/x86/pv/page_table_entry.hpp"

namespace audit {
namespace {

using hv::Domain;
using hv::FrameInfo;
using hv::FrameType;
using hv::Mfn;
using hv::Vcpu;
using namespace hv::x86;

// What the walk finds of one frame.
struct Account {
    std::uint64_t references = 0;
    std::uint64_t types = 0;
    std::array<std::uint32_t, 8> uses{};  // by FrameType
    bool open = false;
};

// One for every frame, kept between audits because there are many; those in use are put back.
std::vector<Account>& all_accounts() {
    static std::vector<Account> accounts(hv::max_mfn());
    return accounts;
}

bool is_table(FrameType type) { return type >= FrameType::L1 && type <= FrameType::L4; }

const char* name(FrameType type) {
    static constexpr const char* kNames[] = {"none", "L1", "L2", "L3", "L4", "descriptor", "writable", "shared"};
    return kNames[static_cast<unsigned>(type)];
}

class Books {
  public:
    std::vector<std::string> check() {
        for (hv::DomainId id = 0; id < hv::kMaxDomains; ++id)
            if (Domain* domain = hv::domain_in_table(id)) enter(*domain);
        for (Domain* domain : domains_) {
            for (std::uint64_t mfn : frames_[domain->id]) enter_frame(*domain, Mfn{mfn});
        }
        for (const std::uint64_t mfn : open_) {
            compare(Mfn{mfn}, all_accounts()[mfn]);
            all_accounts()[mfn] = {};
        }
        return std::move(lines_);
    }

  private:
    template <class... Values>
    void complain(std::string_view text, const Values&... values) {
        char line[256];
        lines_.emplace_back(hv::format_into(line, text, values...));
    }

    Account& account_of(Mfn frame) {
        Account& account = all_accounts().at(frame.raw);
        if (!std::exchange(account.open, true)) open_.push_back(frame.raw);
        return account;
    }
    void reference(Mfn frame) { ++account_of(frame).references; }
    void use(Mfn frame, FrameType type) {
        Account& account = account_of(frame);
        ++account.references;
        ++account.types;
        ++account.uses[static_cast<unsigned>(type)];
    }
    void use(const FrameInfo* info, FrameType type) {
        if (info) use(hv::frame_number(*info), type);
    }

    void enter(Domain& domain) {
        domains_.push_back(&domain);
        walk_list(domain, domain.first_frame, false);
        walk_list(domain, domain.first_relinquished, true);
        if (frames_[domain.id].size() != domain.frames)
            complain("d{}: {} frames on its lists, {} counted", domain.id, frames_[domain.id].size(), domain.frames);
        for (hv::VcpuId id = 0; id < domain.max_vcpus; ++id)
            if (const Vcpu* vcpu = domain.vcpu(id)) enter_vcpu(*vcpu);
    }

    void walk_list(const Domain& domain, std::uint32_t first, bool relinquished) {
        std::uint32_t previous = 0;
        for (std::uint32_t mfn = first; mfn; mfn = hv::frame_info(Mfn{mfn}).next) {
            const FrameInfo& info = hv::frame_info(Mfn{mfn});
            const std::uint64_t count = info.count.load();
            if (info.owner() != domain.id || !(count & FrameInfo::kListed) || !info.references() || info.previous != previous ||
                ((count & FrameInfo::kRelinquished) != 0) != relinquished)
                complain("frame 0x{:x}: on a list of d{}, count 0x{:x}, previous 0x{:x}", mfn, domain.id, count, info.previous);
            frames_[domain.id].push_back(mfn);
            previous = mfn;
            if (frames_[domain.id].size() > hv::total_frames()) {
                complain("d{}: its list of frames has no end", domain.id);
                return;
            }
        }
    }

    void enter_vcpu(const Vcpu& vcpu) {
        use(vcpu.info_frame, FrameType::Writable);
        if (!vcpu.arch) return;  // an idle one
        const ArchVcpu& arch = *vcpu.arch;
        use(arch.kernel_table, FrameType::L4);
        use(arch.user_table, FrameType::L4);
        for (const FrameInfo* info : arch.gdt_frames) use(info, FrameType::Descriptor);
        for (const FrameInfo* info : arch.ldt_frames) use(info, FrameType::Descriptor);
        if (arch.unfinished) reference(hv::frame_number(*arch.unfinished));
    }

    // What the frame holds itself, and what it holds of others as a page table.
    void enter_frame(Domain& domain, Mfn frame) {
        const FrameInfo& info = hv::frame_info(frame);
        Account& account = account_of(frame);
        if (info.count.load() & FrameInfo::kAllocated) ++account.references;
        const std::uint64_t word = info.type.load();
        const bool parked = word & FrameInfo::kPartial;
        const bool pinned = word & FrameInfo::kPinned;
        const bool valid = word & FrameInfo::kValidated;
        if (pinned) use(frame, info.frame_type());
        if (parked) use(frame, info.frame_type());
        if (word & FrameInfo::kLocked) complain("frame 0x{:x}: still locked", frame.raw);
        if (parked && (pinned || valid || info.type_count() != 1 || !is_table(info.frame_type())))
            complain("frame 0x{:x}: parked with type word 0x{:x}", frame.raw, word);
        if ((word & FrameInfo::kRefused) && !parked) complain("frame 0x{:x}: refused, but not parked", frame.raw);
        if (info.type_count() != 0 && !parked && !valid) complain("frame 0x{:x}: of type {}, but not validated", frame.raw, name(info.frame_type()));
        if (info.type_count() == 0 || !is_table(info.frame_type())) return;
        const unsigned entries = parked ? info.progress : kEntriesPerTable;
        if (entries > kEntriesPerTable) complain("frame 0x{:x}: {} entries done", frame.raw, entries);
        enter_table(domain, frame, static_cast<unsigned>(info.frame_type()), entries, parked);
    }

    void enter_table(const Domain& domain, Mfn frame, unsigned level, unsigned entries, bool parked) {
        const auto* table = static_cast<const Pte*>(hv::frame_pointer(frame));
        const auto* own = static_cast<const Pte*>(hv::frame_pointer(hv::frame_of(hv_page_table())));
        for (unsigned index = 0; index < entries; ++index) {
            if (level == 4 && index >= kFirstHvSlot && index <= kLastHvSlot) {
                if (!parked && table[index] != own[index]) complain("L4 0x{:x}: slot {} is not hv's: 0x{:x}", frame.raw, index, table[index]);
                continue;
            }
            if (!is_present(table[index])) continue;
            if (!(table[index] & kPteUser)) complain("L{} 0x{:x}: entry {} is 0x{:x}", level, frame.raw, index, table[index]);
            level == 1 ? enter_mapping(domain, frame, index, table[index]) : enter_link(domain, frame, level, index, table[index]);
        }
    }

    void enter_mapping(const Domain& domain, Mfn table, unsigned index, Pte entry) {
        const Mfn frame = frame_in(entry);
        if (entry & kPteGlobal) complain("L1 0x{:x}: entry {} is global: 0x{:x}", table.raw, index, entry);
        if (!is_counted(frame)) {
            if (!domain.privileged) complain("L1 0x{:x} of d{}: entry {} maps I/O memory: 0x{:x}", table.raw, domain.id, index, entry);
            return;
        }
        if (hv::frame_info(frame).owner() != domain.id && !(hv::frame_info(frame).count.load() & FrameInfo::kForeignMapped))
            complain("frame 0x{:x}: mapped by d{}, which its marks deny", frame.raw, domain.id);
        entry & kPteWritable ? use(frame, FrameType::Writable) : reference(frame);
    }

    void enter_link(const Domain& domain, Mfn table, unsigned level, unsigned index, Pte entry) {
        const Mfn below = frame_in(entry);
        if ((entry & (kPteLarge | kPteGlobal)) || !is_counted(below) || hv::frame_info(below).owner() != domain.id) {
            complain("L{} 0x{:x}: entry {} is 0x{:x}", level, table.raw, index, entry);
            return;
        }
        use(below, static_cast<FrameType>(level - 1));
    }

    void compare(Mfn frame, const Account& account) {
        const FrameInfo& info = hv::frame_info(frame);
        const std::uint64_t count = info.count.load();
        // hv's own use of the pages that it shares.
        const std::uint64_t shared = (count & FrameInfo::kHvPage) && (count & FrameInfo::kAllocated) ? 1 : 0;
        const std::uint64_t references = account.references + shared, types = account.types + shared;
        if (info.references() != references || info.type_count() != types)
            complain("frame 0x{:x} of d{} ({}): {} references and {} of its type, but {} and {} are held (type word 0x{:x})", frame.raw, info.owner(),
                     name(info.frame_type()), info.references(), info.type_count(), references, types, info.type.load());
        for (unsigned type = 0; type < account.uses.size(); ++type) {
            if (account.uses[type] != 0 && static_cast<FrameType>(type) != info.frame_type())
                complain("frame 0x{:x} is {}, but used as {} {} times", frame.raw, name(info.frame_type()), name(static_cast<FrameType>(type)), account.uses[type]);
        }
    }

    std::vector<Domain*> domains_;
    std::unordered_map<hv::DomainId, std::vector<std::uint64_t>> frames_;
    std::vector<std::uint64_t> open_;
    std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> discrepancies() { return Books{}.check(); }

std::string report() {
    std::string text;
    for (const std::string& line : discrepancies()) text += line + "\n";
    return text;
}

Usage usage() {
    Usage usage;
    usage.free = hv::free_frame_count();
    std::uint64_t ram = 0;
    for (std::uint64_t mfn = 0; mfn < hv::max_mfn(); ++mfn) {
        const FrameInfo& info = hv::frame_info(Mfn{mfn});
        if (info.owner() == hv::kOwnerIo) continue;
        ++ram;
        if (info.owner() == hv::kOwnerHv) ++usage.hv;
        else if (info.owner() < hv::kFirstReservedDomain && info.references() != 0) ++usage.owned;
    }
    usage.lost = ram - usage.free - usage.hv - usage.owned;
    return usage;
}

}  // namespace audit
