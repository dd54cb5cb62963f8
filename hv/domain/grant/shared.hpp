// One shared entry, as version 1 or version 2 has it. The guest may change it at any time.
#pragma once

#include <cstdint>

#include "hv/domain/grant/table.hpp"

namespace hv {

// What an entry of any kind grants.
struct GrantContents {
    std::uint64_t frame = 0;
    std::uint32_t start = 0;
    std::uint32_t length = 0;  // 0: the whole page
    bool transitive = false;
    DomainId transitive_domain{};
    GrantRef transitive_ref{};
};

class SharedGrant {
  public:
    // The table's lock is held for the life of this object; `ref` is in range.
    SharedGrant(GrantTable& table, GrantRef ref);

    // Marks the entry as being read (and written). With `fresh` (it is not pinned yet) it must grant `user` access
    // first; `whole` refuses sub-page and transitive grants. GeneralError.
    GrantOutcome<> mark(DomainId user, bool readonly, bool fresh, bool whole);
    void clear_reading();
    void clear_writing();
    GrantOutcome<GrantContents> contents() const;

    // For changes of version and swaps.
    abi::xen::GrantEntryV1* v1() const { return v1_; }
    abi::xen::GrantEntryV2* v2() const { return v2_; }
    abi::xen::GrantStatus* status() const { return status_; }

  private:
    GrantOutcome<> mark_v1(DomainId user, bool readonly, bool fresh, bool whole);
    GrantOutcome<> mark_v2(DomainId user, bool readonly, bool fresh, bool whole);

    abi::xen::GrantEntryV1* v1_ = nullptr;  // one of the two
    abi::xen::GrantEntryV2* v2_ = nullptr;
    abi::xen::GrantStatus* status_ = nullptr;
};

}  // namespace hv
