// Paravirtual guests: libhvctl builds them in memory, from a kernel and an initrd.
#include <algorithm>

#include "domain/guest_kind.hpp"
#include "domain/images.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// Each build phase's share of the job's percents.
std::uint32_t build_percent(hvctl::BuildPhase phase, std::uint64_t done, std::uint64_t total) {
    constexpr std::uint32_t kFirst = 30;
    constexpr std::uint32_t kShare = 8;
    const auto within_phase = total == 0 ? 0 : static_cast<std::uint32_t>(std::min(done, total) * kShare / total);
    return kFirst + static_cast<std::uint32_t>(phase) * kShare + within_phase;
}

Result<void> build_from(hvctl::KernelImage& kernel, Build& build, Hypervisor& hypervisor, Job& job) {
    const auto initrd = TRY(load_initrd(build.definition));
    const hvctl::PvSpec spec = pv_spec(build.definition, build.domid, initrd);
    const auto progress = [&job](hvctl::BuildPhase phase, std::uint64_t done, std::uint64_t total) {
        job.report_percent(build_percent(phase, done, total));
    };
    const auto built = TRY(within(build.name + ": build",
                                  Result<hvctl::PvDomain>{hypervisor.build(kernel, spec, progress, job.stop_token())}));
    const hvctl::PvRings& rings = built.rings;
    build.rings = {.store = rings.store,
                   .console = rings.console,
                   .store_port = rings.store_port,
                   .console_port = rings.console_port};
    kernel = {};
    return {};
}

class PvGuest final : public GuestKind {
  public:
    [[nodiscard]] abi::DomainType type() const override { return abi::DomainType::Pv; }

    void add_build_phases(Job& job, Context& context, const std::shared_ptr<Build>& build) const override {
        const auto kernel = std::make_shared<hvctl::KernelImage>();
        Hypervisor& hypervisor = context.hypervisor;
        job.add({JobPhase::LoadKernel, 12, context.builds.step([&hypervisor, build, kernel](Job&) -> Result<void> {
                     *kernel = TRY(load_kernel(hypervisor, build->definition));
                     return {};
                 })});
        job.add({JobPhase::Build, 30, context.builds.step([&hypervisor, build, kernel](Job& running) {
                     return build_from(*kernel, *build, hypervisor, running);
                 })});
    }

    Result<void> check_images(Hypervisor& hypervisor, const config::DomainDefinition& definition) const override {
        const auto kernel = TRY(load_kernel(hypervisor, definition));
        const auto initrd = TRY(load_initrd(definition));
        return within(definition.name + ": build",
                      Result<void>{hypervisor.check_build(kernel, pv_spec(definition, {}, initrd))});
    }
};

}  // namespace

const GuestKind* guest_kind(config::DomainType type) {
    static const PvGuest pv;
    switch (type) {
        case config::DomainType::Pv: return &pv;
        case config::DomainType::Pvh:
        case config::DomainType::Hvm: return nullptr;
    }
    return nullptr;
}

}  // namespace hvctld
