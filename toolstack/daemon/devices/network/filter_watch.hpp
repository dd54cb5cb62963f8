// Notices that another program has taken the filter of a guest's interface away: `nft flush ruleset`, which firewalls'
// services run when they are reloaded, takes all of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/loop.hpp"

namespace hvctld {

class FilterWatch {
  public:
    // The interface or bridge whose table has gone; empty: perhaps all of them, the kernel has lost count.
    using Lost = std::function<void(const std::string& name)>;
    static Result<FilterWatch> create(Loop& loop, Lost lost);

  private:
    FilterWatch(FdWatch watch, Lost lost);

    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace hvctld
