#include "tests/guest/lib/guest.hpp"

#include "hv/abi/control/host.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

namespace guest {
namespace {

StartInfo* the_start_info;
u64 the_role;
alignas(4096) u8 shared_info_window[4096];

}  // namespace

StartInfo& start_info() {
    return *the_start_info;
}
SharedInfo& shared_info() {
    return *reinterpret_cast<SharedInfo*>(shared_info_window);
}
u64 role() {
    return the_role;
}

bool on_hv() {
    hv::abi::control::GetVersion version{};
    return control_op(hv::abi::control::Operation::GetVersion, version) >= 0 && version.name[0] == 'h';
}

[[gnu::weak]] void domu_main(u64) {}

extern "C" [[noreturn]] void guest_entry(u64 role, StartInfo* info) {
    the_role = role;
    the_start_info = info;
    init_boot_vcpu();
    init_memory();
    init_traps();
    REQUIRE_EQ(
        hypercall(HypercallId::UpdateVaMapping, shared_info_window, info->shared_info | kPteKernelData, kUvmfInvlpg),
        0);
    if (role == 0)
        test_main();
    else
        domu_main(role);
    give_verdict();
}

}  // namespace guest

// The compiler's own calls.
extern "C" {
void* memset(void* to, int value, std::size_t size) {
    void* const result = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return result;
}
void* memcpy(void* to, const void* from, std::size_t size) {
    void* const result = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}
int memcmp(const void* left, const void* right, std::size_t size) {
    auto a = static_cast<const unsigned char*>(left), b = static_cast<const unsigned char*>(right);
    for (std::size_t i = 0; i < size; ++i)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}
}
