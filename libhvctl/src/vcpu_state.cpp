#include "hvctl/vcpu_state.hpp"

#include <fmt/format.h>

namespace hvctl {

namespace {

bool known(abi::VcpuRecordKind kind) {
    using Kind = abi::VcpuRecordKind;
    switch (kind) {
        case Kind::General:
        case Kind::Segments:
        case Kind::Control:
        case Kind::Debug:
        case Kind::Fpu:
        case Kind::Execution:
        case Kind::Timers:
        case Kind::PvEntries:
        case Kind::PvTraps:
        case Kind::PvDescriptors:
        case Kind::PvTables:
        case Kind::PvIo: return true;
    }
    return false;
}

}  // namespace

Result<VcpuState> VcpuState::parse(std::vector<std::byte> bytes) {
    VcpuState state;
    state.bytes_ = std::move(bytes);
    std::span<const std::byte> rest = state.bytes_;
    while (!rest.empty()) {
        const std::size_t at = state.bytes_.size() - rest.size();
        abi::VcpuRecord header;
        if (rest.size() < sizeof header)
            return fail(ErrorCode::Corrupt,
                        fmt::format("a vCPU's state ends in the header of a record, at byte {}", at));
        std::memcpy(&header, rest.data(), sizeof header);
        const std::size_t left = rest.size() - sizeof header;
        if (header.length > left || abi::vcpu_record_size(header.length) > rest.size())
            return fail(
                ErrorCode::Corrupt,
                fmt::format("a vCPU's state ends within a record: one of {} bytes at byte {}, where {} are left",
                            header.length, at, left));
        const auto kind = static_cast<abi::VcpuRecordKind>(header.kind);
        if (state.find(kind) != nullptr)
            return fail(ErrorCode::Corrupt, fmt::format("a vCPU's state has two records of kind {}", header.kind));
        state.records_.push_back({kind, header.version, rest.subspan(sizeof header, header.length)});
        rest = rest.subspan(abi::vcpu_record_size(header.length));
    }
    return state;
}

const VcpuState::Record* VcpuState::find(abi::VcpuRecordKind kind) const {
    const auto found = std::ranges::find(records_, kind, &Record::kind);
    return found == records_.end() ? nullptr : &*found;
}

bool VcpuState::fully_known() const {
    return std::ranges::all_of(
        records_, [](const Record& record) { return known(record.kind) && record.version == abi::kVcpuRecordVersion; });
}

}  // namespace hvctl
