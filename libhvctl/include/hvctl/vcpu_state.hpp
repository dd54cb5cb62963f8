// A vCPU's state, record by record (hv/abi/control/vcpu_state.hpp tells what each holds and how they grow).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "hv/abi/control/vcpu_state.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

namespace abi = hv::abi::control;

class VcpuState final {
  public:
    struct Record {
        abi::VcpuRecordKind kind;  // perhaps one that this library does not know
        std::uint16_t version = 0;
        std::span<const std::byte> contents;  // within bytes()
    };

    // Corrupt: no row of records, or two of one kind.
    [[nodiscard]] static Result<VcpuState> parse(std::vector<std::byte> bytes);

    VcpuState(VcpuState&&) = default;
    VcpuState& operator=(VcpuState&&) = default;
    VcpuState(const VcpuState&) = delete;
    VcpuState& operator=(const VcpuState&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] std::span<const Record> records() const { return records_; }
    // Null: there is none.
    [[nodiscard]] const Record* find(abi::VcpuRecordKind kind) const;
    // Whether this library knows the meaning of all that is there: kinds, versions, and what records have grown by. A
    // program that saves a state, or hands it on, asks first.
    [[nodiscard]] bool fully_known() const;

    // The contents of a record whose meaning is known: what an older hv did not write is 0. For kinds with a list in
    // the end, the part before it. None: there is no such record, or its version is another one.
    template <class Contents>
    requires std::is_trivially_copyable_v<Contents>
    [[nodiscard]] std::optional<Contents> get(abi::VcpuRecordKind kind) const {
        const Record* const record = find(kind);
        if (record == nullptr || record->version != abi::kVcpuRecordVersion) return std::nullopt;
        Contents contents{};
        std::memcpy(&contents, record->contents.data(), std::min(sizeof contents, record->contents.size()));
        return contents;
    }

  private:
    VcpuState() = default;

    std::vector<std::byte> bytes_;
    std::vector<Record> records_;
};

}  // namespace hvctl
