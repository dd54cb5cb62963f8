// The store's log: a callback, with a rate limit per domain for what domains can cause.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/types.hpp"

namespace hvctld::store {

class Log {
  public:
    Log(LogSink sink, std::function<std::uint64_t()> monotonic_ms)
        : sink_(std::move(sink)), monotonic_ms_(std::move(monotonic_ms)) {}

    void write(LogLevel level, std::string_view text) {
        if (sink_) sink_(level, text);
    }

    // At most kBurst lines per domain and kWindowMs; what was left out is counted in the next line.
    template <class MakeText>
    void limited(DomainId domain, LogLevel level, MakeText&& make_text) {
        std::uint64_t left_out = 0;
        if (!sink_ || !admit(domain, left_out)) return;
        std::string text = make_text();
        if (left_out > 0) text += " (" + std::to_string(left_out) + " similar lines left out)";
        sink_(level, text);
    }
    void forget(DomainId domain) { windows_.erase(domain); }

  private:
    static constexpr std::uint64_t kWindowMs = 10'000;
    static constexpr std::uint32_t kBurst = 5;
    struct Window {
        std::uint64_t start = 0;
        std::uint32_t lines = 0;
        std::uint64_t left_out = 0;
    };
    bool admit(DomainId domain, std::uint64_t& left_out);

    LogSink sink_;
    std::function<std::uint64_t()> monotonic_ms_;
    std::unordered_map<DomainId, Window> windows_;
};

}  // namespace hvctld::store
