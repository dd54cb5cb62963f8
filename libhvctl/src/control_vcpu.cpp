// Control operations on vCPUs.
#include <fmt/format.h>

#include <algorithm>

#include "control_call.hpp"

namespace hvctl {

namespace {

std::string vcpu_name(DomainId domain, VcpuId vcpu) {
    return fmt::format("vCPU {} of domain {}", vcpu.raw, domain.raw);
}

abi::VcpuContext context_argument(const HypercallBuffer& buffer, DomainId domain, VcpuId vcpu, std::size_t size) {
    abi::VcpuContext argument{};
    argument.buffer = buffer.address();
    argument.domain = domain.raw;
    argument.vcpu = vcpu.raw;
    argument.size = static_cast<std::uint32_t>(size);
    return argument;
}

}  // namespace

Result<void> Control::get_vcpu_context(DomainId domain, VcpuId vcpu, std::span<std::byte> context) const {
    const HypercallBuffer buffer = TRY(port_.buffers().take(context.size()));
    TRY(control_do(port_, abi::Operation::GetVcpuContext, context_argument(buffer, domain, vcpu, context.size()),
                   "read the registers of " + vcpu_name(domain, vcpu)));
    std::ranges::copy(buffer.bytes().first(context.size()), context.begin());
    return {};
}

Result<void> Control::set_vcpu_context(DomainId domain, VcpuId vcpu, std::span<const std::byte> context) const {
    const HypercallBuffer buffer = TRY(port_.buffers().take(context.size()));
    std::ranges::copy(context, buffer.bytes().begin());
    return control_do(port_, abi::Operation::SetVcpuContext, context_argument(buffer, domain, vcpu, context.size()),
                      "set the registers of " + vcpu_name(domain, vcpu));
}

Result<VcpuState> Control::vcpu_state(DomainId domain, VcpuId vcpu) const {
    constexpr std::size_t kUsual = 16384;
    const std::string what = "read the state of " + vcpu_name(domain, vcpu);
    for (std::size_t capacity = kUsual;;) {
        const HypercallBuffer buffer = TRY(port_.buffers().take(capacity));
        abi::GetVcpuState argument{};
        argument.buffer = buffer.address();
        argument.capacity = capacity;
        argument.domain = domain.raw;
        argument.vcpu = vcpu.raw;
        const Result<std::int64_t> done = control_call(port_, abi::Operation::GetVcpuState, argument, what);
        if (done && argument.size <= capacity) {
            const auto bytes = buffer.bytes().first(argument.size);
            return VcpuState::parse({bytes.begin(), bytes.end()});
        }
        // It may have grown since: the FPU's with what the guest enables.
        if (done || done.error().error_number() != hv::abi::xen::kENOBUFS || argument.size <= capacity) {
            TRY(done);
            return fail(ErrorCode::Internal, "cannot " + what + ": hv says that it wrote more than there is room for");
        }
        capacity = argument.size;
    }
}

Result<abi::GetVcpuInfo> Control::vcpu_info(DomainId domain, VcpuId vcpu) const {
    abi::GetVcpuInfo argument{};
    argument.domain = domain.raw;
    argument.vcpu = vcpu.raw;
    TRY(control_call(port_, abi::Operation::GetVcpuInfo, argument, "ask about " + vcpu_name(domain, vcpu)));
    return argument;
}

Result<VcpuCpus> Control::vcpu_affinity(DomainId domain, VcpuId vcpu, std::uint32_t cpus) const {
    const std::size_t bytes = cpus / 8 + (cpus % 8 != 0 ? 1 : 0);
    const HypercallBuffer buffer = TRY(port_.buffers().take(2 * bytes));
    abi::VcpuAffinity argument{};
    argument.hard = buffer.address();
    argument.soft = buffer.address(bytes);
    argument.bits = cpus;
    argument.vcpu = vcpu.raw;
    argument.domain = domain.raw;
    TRY(control_call(port_, abi::Operation::GetVcpuAffinity, argument,
                     "read the affinity of " + vcpu_name(domain, vcpu)));
    const auto bitmaps = buffer.as<std::uint8_t>();
    VcpuCpus result;
    result.hard.assign(bitmaps.begin(), bitmaps.begin() + static_cast<std::ptrdiff_t>(bytes));
    result.soft.assign(bitmaps.begin() + static_cast<std::ptrdiff_t>(bytes),
                       bitmaps.begin() + static_cast<std::ptrdiff_t>(2 * bytes));
    return result;
}

Result<void> Control::set_vcpu_affinity(DomainId domain, VcpuId vcpu, const VcpuCpus& cpus) const {
    const std::size_t bytes = std::max(cpus.hard.size(), cpus.soft.size());
    if ((!cpus.hard.empty() && cpus.hard.size() != bytes) || (!cpus.soft.empty() && cpus.soft.size() != bytes)) {
        return fail(ErrorCode::InvalidArgument, "the hard and the soft bitmap of CPUs differ in size");
    }
    const HypercallBuffer buffer = TRY(port_.buffers().take(2 * bytes));
    std::ranges::copy(cpus.hard, buffer.as<std::uint8_t>().begin());
    std::ranges::copy(cpus.soft, buffer.as<std::uint8_t>().begin() + static_cast<std::ptrdiff_t>(bytes));
    abi::VcpuAffinity argument{};
    argument.hard = cpus.hard.empty() ? 0 : buffer.address();
    argument.soft = cpus.soft.empty() ? 0 : buffer.address(bytes);
    argument.bits = static_cast<std::uint32_t>(bytes * 8);
    argument.vcpu = vcpu.raw;
    argument.domain = domain.raw;
    return control_do(port_, abi::Operation::SetVcpuAffinity, argument,
                      "set the affinity of " + vcpu_name(domain, vcpu));
}

}  // namespace hvctl
