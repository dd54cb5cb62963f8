// Undoes something at the end of a scope unless it was dismissed.
#pragma once

#include <utility>

namespace hv {

template <class Undo>
class [[nodiscard]] ScopeGuard {
  public:
    explicit ScopeGuard(Undo undo) : undo_{std::move(undo)} {}
    ~ScopeGuard() {
        if (armed_) undo_();
    }
    void dismiss() { armed_ = false; }
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

  private:
    Undo undo_;
    bool armed_ = true;
};

}  // namespace hv
