// The seam to the hypervisor: everything above it is tested over a fake port.
#pragma once

#include <cstdint>
#include <memory>

#include "hvctl/hypercall_buffer.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

class HypercallPort {
  public:
    HypercallPort() = default;
    HypercallPort(const HypercallPort&) = delete;
    HypercallPort& operator=(const HypercallPort&) = delete;
    virtual ~HypercallPort() = default;

    // Issues a hypercall. Returns what hv returned: zero or more on success, a negated Xen errno on failure.
    // Pointers among the arguments must point into buffers() memory. Thread-safe.
    virtual std::int64_t call(std::uint64_t number, std::uint64_t a1 = 0, std::uint64_t a2 = 0, std::uint64_t a3 = 0,
                              std::uint64_t a4 = 0, std::uint64_t a5 = 0) = 0;

    // Memory that hv can reach at any moment. Thread-safe.
    virtual BufferPool& buffers() = 0;
};

// Opens /dev/xen/privcmd. ErrorCode::NotOnHv when this system does not run on a hypervisor with Xen's interface at all,
// NotRoot when it does but the device may not be opened.
Result<std::unique_ptr<HypercallPort>> open_hypercall_port();

// Turns a hypercall's negative result into an Error ("context: text"); `result` is a negated Xen errno, and those that
// Linux knows have Linux's numbers.
Error hypercall_error(std::int64_t result, std::string_view context);

}  // namespace hvctl
