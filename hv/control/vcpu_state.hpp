// The records of GetVcpuState (hv/abi/control/vcpu_state.hpp) on their way into the caller's buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "hv/abi/control/vcpu_state.hpp"
#include "hv/base/result.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

class VcpuStateWriter final {
  public:
    VcpuStateWriter(GuestVirtual buffer, std::uint64_t capacity) : buffer_{buffer}, capacity_{capacity} {}
    VcpuStateWriter(const VcpuStateWriter&) = delete;
    VcpuStateWriter& operator=(const VcpuStateWriter&) = delete;

    template <class Contents>
    requires std::is_trivially_copyable_v<Contents>
    void add(abi::control::VcpuRecordKind kind, const Contents& contents) {
        add(kind, std::as_bytes(std::span{&contents, 1}));
    }
    // Contents in up to two pieces. What has no room is counted and not written.
    void add(abi::control::VcpuRecordKind kind, std::span<const std::byte> contents,
             std::span<const std::byte> more = {});

    std::uint64_t size() const { return size_; }  // of all that were added, in bytes
    // NoBuffer: they are more than the buffer has room for; Fault.
    Result<> outcome() const;

  private:
    void write(std::span<const std::byte> bytes);

    GuestVirtual buffer_;
    std::uint64_t capacity_;
    std::uint64_t size_ = 0;
    Result<> written_;
};

}  // namespace hv
