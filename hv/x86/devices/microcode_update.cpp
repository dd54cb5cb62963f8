#include "hv/x86/devices/microcode_update.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/microcode.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/processor_switches.hpp"
#include "hv/x86/smp/standstill.hpp"
#include "hv/x86/vcpu/predictions.hpp"
#include "hv/x86/vcpu/speculation_controls.hpp"

namespace hv::x86 {
namespace {

constinit std::atomic<bool> loading{false};

// On each CPU, afterwards.
void use_what_is_new(void*) {
    set_processor_switches();
    refresh_speculation_controls();
    refresh_predictions();
}

// The first CPU that has not come to `revision`; kNoCpu: there is none.
CpuId left_behind(std::uint32_t revision) {
    CpuId found = kNoCpu;
    for_each_bit(online_cpus(), [&](CpuId cpu) {
        if (microcode_revision(cpu) != revision && found == kNoCpu) found = cpu;
    });
    return found;
}

void load_here(void* update) {
    load_microcode(*static_cast<MicrocodeUpdate*>(update));
}
// A register that the patch brings is used by all CPUs or by none: those that refused the patch do not have it.
void look_again_if_all_have_it(void* update) {
    if (left_behind(static_cast<MicrocodeUpdate*>(update)->revision) == kNoCpu) look_again_at_processor();
}

}  // namespace

Result<> update_microcode(std::span<std::byte> file) {
    if (loading.exchange(true, std::memory_order_acquire)) return fail(Error::Busy);
    struct Done {
        ~Done() { loading.store(false, std::memory_order_release); }
    } done;
    MicrocodeTarget target = microcode_target();
    // What one CPU has taken and another has not can be given to them once more.
    for_each_bit(online_cpus(),
                 [&](CpuId cpu) { target.revision = std::min(target.revision, microcode_revision(cpu)); });
    const Result<MicrocodeUpdate> update = choose_microcode(file, target, true);
    if (!update) {
        info("microcode {:x} stays: {}", target.revision, why_no_microcode(update.error()));
        return fail(update.error());
    }
    // To where it is aligned.
    std::memmove(file.data(), update->patch.data(), update->patch.size());
    MicrocodeUpdate aligned = *update;
    aligned.patch = file.first(update->patch.size());
    at_standstill_by_turns(load_here, look_again_if_all_have_it, &aligned);
    if (const CpuId cpu = left_behind(update->revision); cpu != kNoCpu) {
        warn("microcode {:x} was refused by CPU {}, which has {:x}", update->revision, cpu, microcode_revision(cpu));
        return fail(Error::Io);
    }
    call_on_cpus(online_cpus(), use_what_is_new, nullptr);
    info("microcode: all {} CPUs have revision {:x}, had {:x}", online_cpus().count(), update->revision,
         target.revision);
    report_leaks();
    return {};
}

}  // namespace hv::x86
