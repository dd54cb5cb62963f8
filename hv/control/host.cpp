// The control interface's part about the host: what hv and the machine are, and how often hv did what.
#include <cstring>

#include "hv/base/build_info.hpp"
#include "hv/base/format.hpp"
#include "hv/base/version.hpp"
#include "hv/control/operation.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/console.hpp"
#include "hv/machine/description.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/time/patience.hpp"
#include "hv/time/timer_lateness.hpp"

namespace hv {
namespace {

template <std::size_t Size>
void set_text(char (&field)[Size], std::string_view text) {
    std::memset(field, 0, Size);
    std::memcpy(field, text.data(), text.size() < Size ? text.size() : Size - 1);
}

std::uint32_t count_domains(std::uint64_t& frames) {
    std::uint32_t count = 0;
    DomainId id;
    while (DomainRef domain = next_domain(id)) {
        ++count;
        frames += domain->frames;
        id = domain->id.next();
    }
    return count;
}

bool hypercall_counter(std::uint32_t number, const char*& name, std::uint64_t& value) {
    if (number >= kHypercallSlots) return false;
    name = hypercall_name(number);
    value = name ? hypercall_count(number) : 0;
    return true;
}

struct CounterKind {
    const char* name;
    bool (*counter)(std::uint32_t index, const char*& name,
                    std::uint64_t& value);  // false past the end; a null name: none here
    bool zeros;                             // shown too
};

constexpr CounterKind kCounters[] = {
    {"hypercall", hypercall_counter, true}, {"trap", machine_counter, true},
    {"timer", timer_counter, true},         {"ipi", ipi_counter, true},
    {"console", console_counter, true},     {"interrupts_off_ns", masked_time, false},
};

}  // namespace

Result<> op_get_version(control::GetVersion& request) {
    request.interface_version = control::kInterfaceVersion;
    request.reserved = 0;
    set_text(request.name, kHvName);
    set_text(request.version, kHvVersion);
    return {};
}

Result<> op_get_host_info(control::GetHostInfo& request) {
    request = {};
    describe_machine(request);
    std::uint64_t domain_frames = 0;
    request.domains = count_domains(domain_frames);
    request.total_frames = machine_frames();
    request.free_frames = free_frame_count();
    request.claimed_frames = claimed_frame_count();
    const std::uint64_t used = request.total_frames - request.free_frames;
    request.hv_frames = used > domain_frames ? used - domain_frames : 0;
    request.max_mfn = max_mfn();
    request.system_time = static_cast<std::uint64_t>(time::now());
    request.tsc_khz = static_cast<std::uint32_t>(time::tsc_khz());
    request.max_domains = kMaxDomains;
    request.max_vcpus = kMaxVcpus;
    return {};
}

Result<> op_get_cpu_info(control::GetCpuInfo& request) {
    if (request.record_size < sizeof(control::CpuInfo)) return fail(Error::BadArgument);
    for (request.count = 0; request.count < request.capacity; ++request.count) {
        control::CpuInfo info{};
        if (!describe_cpu(CpuId{request.first + request.count}, info)) break;
        TRY(store(GuestVirtual{request.buffer} + std::uint64_t{request.count} * request.record_size, info));
    }
    return {};
}

Result<> op_read_text(control::ReadText& request) {
    std::string_view text;
    switch (static_cast<control::Text>(request.which)) {
        case control::Text::CommandLine: text = build_info().command_line; break;
        case control::Text::BuildId: text = build_info().id; break;
        case control::Text::Compiler: text = build_info().compiler; break;
        case control::Text::BuildDate: text = build_info().date; break;
        case control::Text::Capabilities: text = kCapabilities; break;
        case control::Text::Leaks:
        case control::Text::Mitigations:
        case control::Text::OpenLeaks: text = leak_text(static_cast<control::Text>(request.which)); break;
        default: return fail(Error::BadArgument);
    }
    request.length = static_cast<std::uint32_t>(text.size());
    const std::size_t copied = text.size() < request.capacity ? text.size() : request.capacity;
    return copy_to_guest(GuestVirtual{request.buffer}, text.data(), copied);
}

// Each is a sum over all CPUs. Progress: the kind of the next one, and its index, and that there is any.
Result<> op_get_perf_counters(control::GetPerfCounters& request, std::uint64_t& progress) {
    constexpr std::uint64_t kUnderWay = std::uint64_t{1} << 63;
    constexpr unsigned kKindShift = 32;
    if (request.record_size < sizeof(control::PerfCounter)) return fail(Error::BadArgument);
    if (progress == 0) request.count = request.available = 0;
    std::uint64_t kind = (progress & ~kUnderWay) >> kKindShift;
    auto index = static_cast<std::uint32_t>(progress);
    for (bool first = true; kind < std::size(kCounters); first = false) {
        if (!first && preemption_needed()) {
            progress = kUnderWay | kind << kKindShift | index;
            return fail(Error::Restart);
        }
        const char* name = nullptr;
        std::uint64_t value = 0;
        if (!kCounters[kind].counter(index++, name, value)) {
            ++kind;
            index = 0;
            continue;
        }
        if (!name || (value == 0 && !kCounters[kind].zeros) || request.available++ >= request.capacity) continue;
        control::PerfCounter counter{};
        format_into(std::span{counter.name}.first(sizeof counter.name - 1), "{}.{}", kCounters[kind].name, name);
        counter.value = value;
        TRY(store(GuestVirtual{request.buffer} + std::uint64_t{request.count} * request.record_size, counter));
        ++request.count;
    }
    return {};
}

}  // namespace hv
