// What a new domain's page tables are guarded against (leaks/mitigations.hpp); Dom0's differ from others'.
#pragma once

namespace hv {
class Domain;
}

namespace hv::x86 {

struct TableMeasures {
    bool isolated = false;         // isolation.hpp
    bool harmless_absent = false;  // entries that are not present name no memory (entry_references.hpp)
};
TableMeasures table_measures(const Domain& domain);

}  // namespace hv::x86
