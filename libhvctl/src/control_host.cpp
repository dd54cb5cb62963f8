// Control operations on the host, hv's console and the scheduler.
#include <fmt/format.h>

#include <algorithm>

#include "control_call.hpp"

namespace hvctl {

namespace {

// Records asked for at a time.
constexpr std::uint32_t kBatch = 128;

// The first version that has what no program can do without. An hv without one of the operations that came later says
// so when that one is asked for.
constexpr std::uint32_t kLeastInterface = 1;

}  // namespace

Result<HvVersion> Control::version() const {
    abi::GetVersion argument{};
    auto result = control_call(port_, abi::Operation::GetVersion, argument, "ask for hv's version");
    if (!result && result.error().error_number() == hv::abi::xen::kENOSYS) {
        return fail(ErrorCode::NotOnHv,
                    "this system runs on another hypervisor than hv (Xen?): its control hypercall does not exist; "
                    "boot hv with this kernel as Dom0, see hv-command-line(7)",
                    hv::abi::xen::kENOSYS);
    }
    TRY(std::move(result));
    HvVersion version{argument.interface_version, text_of(argument.name), text_of(argument.version)};
    if (version.name != "hv") {
        return fail(ErrorCode::NotOnHv, fmt::format("this system runs on \"{}\" and not on hv", version.name));
    }
    if (version.interface_version < kLeastInterface) {
        return fail(ErrorCode::NotSupported,
                    fmt::format("hv {} speaks version {} of its control interface, this program needs {}: boot a newer "
                                "hv",
                                version.version, version.interface_version, kLeastInterface));
    }
    return version;
}

Result<abi::GetHostInfo> Control::host_info() const {
    abi::GetHostInfo argument{};
    TRY(control_call(port_, abi::Operation::GetHostInfo, argument, "ask about the host"));
    return argument;
}

Result<std::vector<abi::CpuInfo>> Control::cpu_info() const {
    const HypercallBuffer buffer = TRY(port_.buffers().take(kBatch * sizeof(abi::CpuInfo)));
    std::vector<abi::CpuInfo> cpus;
    for (;;) {
        abi::GetCpuInfo argument{.buffer = buffer.address(),
                                 .record_size = sizeof(abi::CpuInfo),
                                 .first = static_cast<std::uint32_t>(cpus.size()),
                                 .capacity = kBatch,
                                 .count = 0};
        TRY(control_call(port_, abi::Operation::GetCpuInfo, argument, "list the CPUs"));
        const auto records = buffer.as<abi::CpuInfo>().first(std::min(argument.count, kBatch));
        cpus.insert(cpus.end(), records.begin(), records.end());
        if (argument.count < kBatch) return cpus;
    }
}

Result<std::string> Control::read_text(abi::Text which) const {
    std::uint32_t capacity = kPageSize;
    for (;;) {
        const HypercallBuffer buffer = TRY(port_.buffers().take(capacity));
        abi::ReadText argument{};
        argument.buffer = buffer.address();
        argument.which = static_cast<std::uint32_t>(which);
        argument.capacity = capacity;
        TRY(control_call(port_, abi::Operation::ReadText, argument, "read a text of hv"));
        if (argument.length <= capacity) {
            return std::string{reinterpret_cast<const char*>(buffer.bytes().data()), argument.length};
        }
        capacity = argument.length;
    }
}

Result<std::vector<PerfCounter>> Control::perf_counters() const {
    std::uint32_t capacity = 512;
    for (;;) {
        const HypercallBuffer buffer = TRY(port_.buffers().take(capacity * sizeof(abi::PerfCounter)));
        abi::GetPerfCounters argument{};
        argument.buffer = buffer.address();
        argument.record_size = sizeof(abi::PerfCounter);
        argument.capacity = capacity;
        TRY(control_call(port_, abi::Operation::GetPerfCounters, argument, "read the performance counters"));
        if (argument.available > capacity && argument.count == capacity) {
            capacity = argument.available;
            continue;
        }
        std::vector<PerfCounter> counters;
        for (const auto& record : buffer.as<abi::PerfCounter>().first(std::min(argument.count, capacity))) {
            counters.push_back({text_of(record.name), record.value});
        }
        return counters;
    }
}

Result<ConsoleText> Control::read_console(std::uint64_t position, std::size_t capacity, bool clear) const {
    capacity = std::clamp<std::size_t>(capacity, 1, std::size_t{1} << 20);
    const HypercallBuffer buffer = TRY(port_.buffers().take(capacity));
    abi::ReadConsole argument{};
    argument.buffer = buffer.address();
    argument.position = position;
    argument.capacity = static_cast<std::uint32_t>(capacity);
    argument.flags = clear ? abi::kConsoleClear : 0;
    TRY(control_call(port_, abi::Operation::ReadConsole, argument, "read hv's log"));
    const std::size_t length = std::min<std::size_t>(argument.length, capacity);
    return ConsoleText{std::string{reinterpret_cast<const char*>(buffer.bytes().data()), length}, argument.position,
                       argument.next};
}

Result<void> Control::send_debug_keys(std::string_view keys) const {
    if (keys.empty() || keys.size() > 64) {
        return fail(ErrorCode::InvalidArgument, fmt::format("1 to 64 debug keys can be sent, not {}", keys.size()));
    }
    const HypercallBuffer buffer = TRY(port_.buffers().take(keys.size()));
    std::memcpy(buffer.bytes().data(), keys.data(), keys.size());
    return control_do(port_, abi::Operation::SendDebugKeys,
                      abi::SendDebugKeys{buffer.address(), static_cast<std::uint32_t>(keys.size()), 0},
                      "send debug keys");
}

Result<abi::SchedParameters> Control::sched_parameters(DomainId domain) const {
    abi::SchedParameters argument{};
    argument.domain = domain.raw;
    TRY(control_call(port_, abi::Operation::GetSchedParameters, argument,
                     fmt::format("read the scheduling parameters of domain {}", domain.raw)));
    return argument;
}

Result<void> Control::set_sched_parameters(const abi::SchedParameters& parameters) const {
    return control_do(port_, abi::Operation::SetSchedParameters, parameters,
                      fmt::format("set the scheduling parameters of domain {} (weight {}, cap {}%, reservation {}%)",
                                  parameters.domain, parameters.weight, parameters.cap, parameters.reservation));
}

}  // namespace hvctl
