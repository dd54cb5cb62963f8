// A hypervisor made of maps: enough of the control and Xen hypercalls to build a domain in, with frames scattered so
// that nothing works by accident.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "hv/abi/control/control.hpp"
#include "hv/abi/control/domain.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hvctl/hypercall.hpp"
#include "hvctl/types.hpp"

namespace hvctl::test {

using Page = std::array<std::byte, kPageSize>;

class FakeHv final : public HypercallPort {
  public:
    std::int64_t call(std::uint64_t number, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
                      std::uint64_t a5) override;
    BufferPool& buffers() override { return pool_; }

    // Consulted before every call: a result instead of the call. `operation` is the first argument.
    std::function<std::optional<std::int64_t>(std::uint64_t number, std::uint64_t operation)> intercept;

    std::uint64_t host_frames = 1 << 20;  // what populate may hand out
    bool large_extents = true;
    std::uint32_t features = 0;
    std::vector<std::byte> vcpu_state;  // the records that GetVcpuState gives
    unsigned state_calls = 0;           // of that

    // What the domain has become.
    std::map<std::uint64_t, Page> memory;        // by mfn; frames never written are zero
    std::map<std::uint64_t, std::uint64_t> m2p;  // every frame of the domain
    std::optional<std::uint64_t> pinned_l4;
    std::optional<std::uint64_t> hypercall_page;
    std::optional<hv::abi::control::SeedGrants> grants;
    std::optional<hv::abi::xen::VcpuGuestContext> vcpu0;
    std::uint32_t next_port = 1;
    std::vector<hv::abi::control::DomainInfo> domains;

    static constexpr std::uint64_t kSharedInfo = 0x77777;

    // Reads through frames; the caller knows the mfn.
    template <class T>
    [[nodiscard]] T read(std::uint64_t mfn, std::uint64_t offset) const {
        T value{};
        if (const auto page = memory.find(mfn); page != memory.end()) {
            std::memcpy(&value, page->second.data() + offset, sizeof value);
        }
        return value;
    }

  private:
    std::int64_t control(hv::abi::control::Operation operation, std::uint64_t argument, std::uint64_t size);
    std::int64_t copy_memory(std::uint64_t argument);
    std::int64_t populate(std::uint64_t argument);
    std::int64_t list_domains(std::uint64_t argument);

    BufferPool pool_ = BufferPool::ordinary();
    std::uint64_t allocated_ = 0;
};

}  // namespace hvctl::test
