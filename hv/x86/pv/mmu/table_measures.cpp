#include "hv/x86/pv/mmu/table_measures.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/leaks.hpp"

namespace hv::x86 {

TableMeasures table_measures(const Domain& domain) {
    return {.isolated = at_work(domain.privileged ? Measure::IsolateDom0 : Measure::IsolateDomu),
            .harmless_absent = at_work(domain.privileged ? Measure::SanitiseDom0 : Measure::SanitiseDomu)};
}

}  // namespace hv::x86
