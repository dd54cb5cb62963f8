// Builds a PV guest inside a domain that has been created and is paused: memory, kernel, tables, rings, vCPU 0.
// Whatever fails, the caller destroys the domain and nothing is left; the error says the phase and the resource.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "hvctl/control.hpp"
#include "hvctl/kernel_image.hpp"
#include "hvctl/pv_layout.hpp"
#include "hvctl/xen_calls.hpp"

namespace hvctl {

enum class BuildPhase : std::uint8_t { Plan, Memory, Kernel, Initrd, Tables, Rings, Start };

// "populate memory" and so on: as it stands in messages.
std::string_view name_of(BuildPhase phase);

// Called when a phase begins (done 0) and as it advances; from the thread that builds.
using BuildProgress = std::function<void(BuildPhase phase, std::uint64_t done, std::uint64_t total)>;

struct PvSpec {
    DomainId domain;
    std::uint64_t pages = 0;
    std::span<const std::byte> initrd;  // passed on as it is; empty for none
    std::string cmdline;                // at most 1023 bytes, without NUL
    DomainId backend = kDom0;           // the domain that serves the store and the console
};

// What the backend needs to serve the guest; the rings are also granted to it, under the ABI's reserved
// references.
struct PvRings {
    Mfn console, store;
    EventPort console_port, store_port;  // the guest's ports; the backend binds to them
};

struct PvDomain {
    PvRings rings;
    PvLayout layout;
};

// What building begins with: whether this kernel, initrd and command line make a guest of that size, and its layout.
// Needs no domain; `spec.domain` and `spec.backend` are not looked at. Errors as of plan_pv_layout(), and TooLarge or
// InvalidArgument for the command line.
Result<PvLayout> plan_pv_build(const KernelImage& kernel, const PvSpec& spec);

// `cancel` is looked at between pieces of work (ErrorCode::Cancelled).
Result<PvDomain> build_pv_domain(const Control& control, const XenCalls& xen, const KernelImage& kernel,
                                 const PvSpec& spec, const BuildProgress& progress = {},
                                 const std::stop_token& cancel = {});

}  // namespace hvctl
