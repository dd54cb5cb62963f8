// The control hypercall's front: which domain may call, with which structure, and how much of it is copied.
#include <type_traits>

#include "hv/control/operation.hpp"
#include "hv/control/policy.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using control::Operation;

constexpr std::size_t kMaxStructure = 512;

struct Entry {
    Operation operation;
    std::uint32_t known_size;  // of the structure as this hv knows it
    std::uint32_t first_size;  // as it was first published
    Result<> (*handle)(void* structure, std::uint64_t& progress);
};

template <auto Handler, class Structure>
Result<> call(void* structure, std::uint64_t& progress) {
    auto& request = *static_cast<Structure*>(structure);
    if constexpr (std::is_invocable_v<decltype(Handler), Structure&, std::uint64_t&>)
        return Handler(request, progress);
    else
        return Handler(request);
}

template <class Structure>
constexpr Structure* argument_of(Result<> (*)(Structure&)) {
    return nullptr;
}
template <class Structure>
constexpr Structure* argument_of(Result<> (*)(Structure&, std::uint64_t&)) {
    return nullptr;
}

template <auto Handler>
constexpr Entry entry(Operation operation, std::uint32_t first_size = 0) {
    using Structure = std::remove_pointer_t<decltype(argument_of(Handler))>;
    static_assert(sizeof(Structure) <= kMaxStructure);
    return {operation, sizeof(Structure), first_size ? first_size : std::uint32_t{sizeof(Structure)},
            &call<Handler, Structure>};
}

constexpr Entry kEntries[] = {
    entry<op_get_version>(Operation::GetVersion),
    entry<op_get_host_info>(Operation::GetHostInfo, control::kFirstHostInfoBytes),
    entry<op_get_cpu_info>(Operation::GetCpuInfo),
    entry<op_read_text>(Operation::ReadText),
    entry<op_get_perf_counters>(Operation::GetPerfCounters),
    entry<op_read_console>(Operation::ReadConsole),
    entry<op_send_debug_keys>(Operation::SendDebugKeys),
    entry<op_list_domains>(Operation::ListDomains),
    entry<op_get_domain>(Operation::GetDomain),
    entry<op_create_domain>(Operation::CreateDomain),
    entry<op_destroy_domain>(Operation::DestroyDomain),
    entry<op_pause_domain>(Operation::PauseDomain),
    entry<op_unpause_domain>(Operation::UnpauseDomain),
    entry<op_shutdown_domain>(Operation::ShutdownDomain),
    entry<op_set_max_memory>(Operation::SetMaxMemory),
    entry<op_set_claim>(Operation::SetClaim),
    entry<op_init_hypercall_page>(Operation::InitHypercallPage),
    entry<op_seed_grants>(Operation::SeedGrants),
    entry<op_set_uuid>(Operation::SetUuid),
    entry<op_get_vcpu_context>(Operation::GetVcpuContext),
    entry<op_set_vcpu_context>(Operation::SetVcpuContext),
    entry<op_get_vcpu_info>(Operation::GetVcpuInfo),
    entry<op_get_vcpu_affinity>(Operation::GetVcpuAffinity),
    entry<op_set_vcpu_affinity>(Operation::SetVcpuAffinity),
    entry<op_get_vcpu_state>(Operation::GetVcpuState),
    entry<op_copy_memory>(Operation::CopyMemory),
    entry<op_get_frame_types>(Operation::GetFrameTypes),
    entry<op_get_frame_list>(Operation::GetFrameList, control::kFirstFrameListBytes),
    entry<op_get_sched_parameters>(Operation::GetSchedParameters),
    entry<op_set_sched_parameters>(Operation::SetSchedParameters),
};

constexpr bool strictly_ascending() {
    for (std::size_t i = 1; i < std::size(kEntries); ++i)
        if (kEntries[i - 1].operation >= kEntries[i].operation) return false;
    return true;
}
static_assert(strictly_ascending(), "and so no number is used twice");

const Entry* find_entry(std::uint64_t operation) {
    for (const Entry& entry : kEntries)
        if (static_cast<std::uint64_t>(entry.operation) == operation) return &entry;
    return nullptr;
}

// The part of a newer caller's structure that this hv does not know must be zero: nothing asked for is ignored.
Result<> check_unknown_part(GuestVirtual where, std::uint64_t known, std::uint64_t size) {
    for (std::uint64_t offset = known; offset < size; ++offset)
        if (TRY(fetch<std::uint8_t>(where + offset)) != 0) return fail(Error::TooBig);
    return {};
}

}  // namespace

HypercallResult do_control(HypercallArguments& arguments) {
    const GuestVirtual where{arguments.value[1]};
    const std::uint64_t size = arguments.value[2];
    const Entry* entry = find_entry(arguments.value[0]);
    if (!entry) return fail(Error::NotImplemented);
    if (!may_control(current_domain(), entry->operation)) return fail(Error::NotPermitted);
    if (size < entry->first_size) return fail(Error::BadArgument);
    if (size > kPageSize) return fail(Error::TooBig);

    alignas(16) std::byte structure[kMaxStructure] = {};
    const std::uint64_t common = size < entry->known_size ? size : entry->known_size;
    TRY(copy_from_guest(structure, where, common));
    TRY(check_unknown_part(where, common, size));
    const Result<> done = entry->handle(structure, arguments.value[3]);
    // Progress and partial results are the caller's business also when it failed.
    TRY(copy_to_guest(where, structure, common));
    TRY(done);
    return 0;
}

}  // namespace hv
