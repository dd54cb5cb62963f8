#include "fake_hv.hpp"

#include <algorithm>

#include "hv/abi/control/console.hpp"
#include "hv/abi/control/host.hpp"
#include "hv/abi/control/memory.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/event_channel.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/abi/xen/version.hpp"

namespace hvctl::test {

namespace control_abi = hv::abi::control;
namespace xen = hv::abi::xen;

namespace {

template <class T>
T& at(std::uint64_t address) {
    return *reinterpret_cast<T*>(address);
}

// Every 512 frames are contiguous; the runs are in a random order far apart.
std::uint64_t scatter(std::uint64_t n) {
    return 0x100000 + ((n >> 9) * 37 % 4096 << 9) + (n & 511);
}

}  // namespace

std::int64_t FakeHv::call(std::uint64_t number, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
                          std::uint64_t) {
    if (intercept) {
        if (const auto result = intercept(number, a1)) return *result;
    }
    switch (static_cast<xen::HypercallId>(number)) {
        case xen::HypercallId::Arch7: return control(static_cast<control_abi::Operation>(a1), a2, a3);
        case xen::HypercallId::MemoryOp:
            return a1 == static_cast<std::uint64_t>(xen::MemoryCommand::PopulatePhysmap) ? populate(a2) : -xen::kENOSYS;
        case xen::HypercallId::EventChannelOp: at<xen::EventChannelAllocUnbound>(a2).port = next_port++; return 0;
        case xen::HypercallId::MmuextOp: {
            const auto& operation = at<xen::MmuextOp>(a1);
            if (operation.command != static_cast<std::uint32_t>(xen::MmuextCommand::PinL4Table) || a2 != 1 || a4 != 5) {
                return -xen::kEINVAL;
            }
            pinned_l4 = operation.arg1.mfn;
            return 0;
        }
        case xen::HypercallId::MmuUpdate:
            for (std::uint64_t i = 0; i < a2; ++i) {
                const auto& update = (&at<xen::MmuUpdate>(a1))[i];
                if ((update.ptr & 3) != 1) return -xen::kEINVAL;
                m2p[update.ptr >> 12] = update.val;
            }
            return 0;
        case xen::HypercallId::XenVersion:
            if (a1 == static_cast<std::uint64_t>(xen::VersionCommand::Version)) return 4 << 16 | 17;
            at<xen::FeatureInfo>(a2).submap = features;
            return 0;
        default: return -xen::kENOSYS;
    }
}

std::int64_t FakeHv::control(control_abi::Operation operation, std::uint64_t argument, std::uint64_t size) {
    using control_abi::Operation;
    switch (operation) {
        case Operation::GetVersion: {
            auto& version = at<control_abi::GetVersion>(argument);
            version.interface_version = control_abi::kInterfaceVersion;
            std::strcpy(version.name, "hv");
            std::strcpy(version.version, "0.1.0");
            return size == sizeof version ? 0 : -xen::kEINVAL;
        }
        case Operation::ListDomains: return list_domains(argument);
        case Operation::GetDomain:
            at<control_abi::GetDomain>(argument).info.shared_info_mfn = kSharedInfo;
            at<control_abi::GetDomain>(argument).info.frames = m2p.size();
            at<control_abi::GetDomain>(argument).info.max_vcpus = 2;
            return 0;
        case Operation::GetFrameList: {
            auto& list = at<control_abi::GetFrameList>(argument);
            for (const auto& [mfn, pfn] : m2p) {
                if (list.count == list.capacity) break;
                (&at<std::uint64_t>(list.frames))[list.count] = mfn;
                if (list.pfns != 0) (&at<std::uint64_t>(list.pfns))[list.count] = pfn;
                ++list.count;
            }
            return 0;
        }
        case Operation::GetVcpuInfo: {
            auto& info = at<control_abi::GetVcpuInfo>(argument);
            info.initialised = info.vcpu == 0 && vcpu0 ? 1 : 0;
            return 0;
        }
        case Operation::GetVcpuContext:
            at<xen::VcpuGuestContext>(at<control_abi::VcpuContext>(argument).buffer) = *vcpu0;
            return 0;
        case Operation::CopyMemory: return copy_memory(argument);
        case Operation::InitHypercallPage: hypercall_page = at<control_abi::InitHypercallPage>(argument).gfn; return 0;
        case Operation::SeedGrants: grants = at<control_abi::SeedGrants>(argument); return 0;
        case Operation::SetVcpuContext: {
            const auto& context = at<control_abi::VcpuContext>(argument);
            if (context.size != sizeof(xen::VcpuGuestContext)) return -xen::kEINVAL;
            vcpu0 = at<xen::VcpuGuestContext>(context.buffer);
            return 0;
        }
        case Operation::GetVcpuState: {
            auto& state = at<control_abi::GetVcpuState>(argument);
            ++state_calls;
            state.size = vcpu_state.size();
            if (state.capacity < state.size) return -xen::kENOBUFS;
            std::ranges::copy(vcpu_state, &at<std::byte>(state.buffer));
            return 0;
        }
        case Operation::ReadText: {
            auto& text = at<control_abi::ReadText>(argument);
            text.length = 5000;
            std::memset(&at<char>(text.buffer), 'x', std::min<std::size_t>(text.capacity, text.length));
            return 0;
        }
        default: return -xen::kENOSYS;
    }
}

std::int64_t FakeHv::list_domains(std::uint64_t argument) {
    auto& list = at<control_abi::ListDomains>(argument);
    list.count = 0;
    for (const auto& domain : domains) {
        if (domain.domain < list.first || list.count == list.capacity) continue;
        (&at<control_abi::DomainInfo>(list.buffer))[list.count++] = domain;
    }
    return 0;
}

std::int64_t FakeHv::copy_memory(std::uint64_t argument) {
    auto& copy = at<control_abi::CopyMemory>(argument);
    for (copy.done = 0; copy.done < copy.length;) {
        const std::uint64_t place = copy.offset + copy.done;
        const std::uint64_t mfn = (&at<std::uint64_t>(copy.frames))[place / kPageSize];
        if (!m2p.contains(mfn)) return -xen::kEINVAL;
        const bool reads =
            static_cast<control_abi::CopyDirection>(copy.direction) == control_abi::CopyDirection::FromDomain;
        if (pinned_l4 && !reads) return -xen::kEBUSY;
        const std::uint64_t inside = place % kPageSize;
        const std::uint64_t bytes = std::min(kPageSize - inside, copy.length - copy.done);
        std::byte* page = memory[mfn].data() + inside;
        switch (static_cast<control_abi::CopyDirection>(copy.direction)) {
            case control_abi::CopyDirection::ToDomain:
                std::memcpy(page, &at<std::byte>(copy.buffer + copy.done), bytes);
                break;
            case control_abi::CopyDirection::FromDomain:
                std::memcpy(&at<std::byte>(copy.buffer + copy.done), page, bytes);
                break;
            case control_abi::CopyDirection::Zero: std::memset(page, 0, bytes); break;
        }
        copy.done += bytes;
    }
    return 0;
}

std::int64_t FakeHv::populate(std::uint64_t argument) {
    const auto& reservation = at<xen::MemoryReservation>(argument);
    if (reservation.extent_order != 0 && !large_extents) return 0;
    const std::uint64_t frames = 1ull << reservation.extent_order;
    for (std::uint64_t i = 0; i < reservation.nr_extents; ++i) {
        if (allocated_ + frames > host_frames) return static_cast<std::int64_t>(i);
        auto& extent = (&at<std::uint64_t>(reservation.extent_start))[i];
        // An extent is contiguous; skip to where one fits.
        if (allocated_ % frames != 0) allocated_ += frames - allocated_ % frames;
        const std::uint64_t first = scatter(allocated_);
        for (std::uint64_t n = 0; n < frames; ++n) m2p[first + n] = extent + n;
        extent = first;
        allocated_ += frames;
    }
    return static_cast<std::int64_t>(reservation.nr_extents);
}

}  // namespace hvctl::test
