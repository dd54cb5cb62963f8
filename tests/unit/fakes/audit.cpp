#include "tests/unit/fakes/audit.hpp"

#include "hv/domain/audit.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"
#include "tests/unit/fakes/memory.hpp"

namespace audit {

std::vector<std::string> discrepancies() {
    static std::vector<hv::FrameAccount> accounts(fake::kRamFrames);
    std::vector<std::string> lines;
    const auto keep = [](void* context, std::string_view line) {
        static_cast<std::vector<std::string>*>(context)->emplace_back(line);
    };
    hv::audit_machine(accounts, {.line = keep, .context = &lines});
    return lines;
}

std::string report() {
    std::string text;
    for (const std::string& line : discrepancies()) text += line + "\n";
    return text;
}

Usage usage() {
    Usage usage;
    usage.free = hv::free_frame_count();
    std::uint64_t ram = 0;
    for (std::uint64_t mfn = 0; mfn < fake::kRamFrames; ++mfn) {
        const hv::FrameInfo& info = hv::frame_info(hv::Mfn{mfn});
        if (info.owner() == hv::kOwnerIo) continue;
        ++ram;
        if (info.owner() == hv::kOwnerHv)
            ++usage.hv;
        else if (info.owner() < hv::kFirstReservedDomain && info.references() != 0)
            ++usage.owned;
    }
    usage.lost = ram - usage.free - usage.hv - usage.owned;
    return usage;
}

}  // namespace audit
