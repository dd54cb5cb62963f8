#include "hvctl/vcpu_state.hpp"

#include <fmt/format.h>

namespace hvctl {

namespace {

// How many bytes of a record's contents this library gives a meaning to; none: it does not know the kind.
std::optional<std::size_t> known_size(const VcpuState::Record& record) {
    using Kind = abi::VcpuRecordKind;
    switch (record.kind) {
        case Kind::General: return sizeof(abi::VcpuGeneralRegisters);
        case Kind::Segments: return sizeof(abi::VcpuSegments);
        case Kind::Control: return sizeof(abi::VcpuControlRegisters);
        case Kind::Debug: return sizeof(abi::VcpuDebugRegisters);
        case Kind::Execution: return sizeof(abi::VcpuExecution);
        case Kind::Timers: return sizeof(abi::VcpuTimers);
        case Kind::PvEntries: return sizeof(abi::PvEntries);
        case Kind::PvDescriptors: return sizeof(abi::PvDescriptors);
        case Kind::PvTables: return sizeof(abi::PvTables);
        case Kind::PvIo: return sizeof(abi::PvIo);
        case Kind::PvTraps: return record.contents.size() / sizeof(abi::PvTrap) * sizeof(abi::PvTrap);
        case Kind::Fpu: {
            abi::VcpuFpu fpu{};
            std::memcpy(&fpu, record.contents.data(), std::min(sizeof fpu, record.contents.size()));
            return sizeof fpu + fpu.size;
        }
    }
    return std::nullopt;
}

// A record of the same version may have grown: what is 0 there means nothing new.
bool is_known(const VcpuState::Record& record) {
    const std::optional<std::size_t> size = known_size(record);
    if (!size || record.version != abi::kVcpuRecordVersion) return false;
    const std::size_t ours = std::min(*size, record.contents.size());
    return std::ranges::all_of(record.contents.subspan(ours), [](std::byte byte) { return byte == std::byte{0}; });
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
    return std::ranges::all_of(records_, is_known);
}

}  // namespace hvctl
