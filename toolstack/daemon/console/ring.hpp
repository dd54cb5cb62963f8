// The PV console's shared page (public/io/console.h). The guest may write anything into it at any moment: indexes are
// read once and bounded, and what the daemon knows about its own side it keeps itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "hypervisor/hypervisor.hpp"

namespace hvctld {

inline constexpr std::uint32_t kConsoleInputSize = 1024;
inline constexpr std::uint32_t kConsoleOutputSize = 2048;

struct ConsoleRingPage {
    char input[kConsoleInputSize];    // +0     to the guest
    char output[kConsoleOutputSize];  // +1024  from the guest
    std::uint32_t input_consumer;     // +3072  free-running, as all four
    std::uint32_t input_producer;     // +3076
    std::uint32_t output_consumer;    // +3080
    std::uint32_t output_producer;    // +3084
};
static_assert(std::is_standard_layout_v<ConsoleRingPage> && sizeof(ConsoleRingPage) == 3088);
static_assert(offsetof(ConsoleRingPage, output) == 1024 && offsetof(ConsoleRingPage, input_consumer) == 3072);

class ConsoleRing {
  public:
    // Goes on where the page's indexes stand.
    explicit ConsoleRing(SharedPage page);

    // Copies what the guest has written and the daemon not yet consumed; at most a ring full. Output whose indexes
    // contradict each other is thrown away.
    std::size_t peek(std::span<char, kConsoleOutputSize> buffer);
    // The guest may reuse the room of `bytes`, which must have been peeked.
    void consume(std::uint32_t bytes);
    [[nodiscard]] std::uint32_t output_consumer() const { return output_consumer_; }
    // After a restart: what is before `consumer` is in the log already. Ignored unless it is between the page's
    // indexes.
    void resume_at(std::uint32_t consumer);

    [[nodiscard]] std::uint32_t input_room() const;
    // `bytes` must fit in the room.
    void push_input(std::span<const char> bytes);

  private:
    SharedPage memory_;
    ConsoleRingPage* page_;
    std::uint32_t output_consumer_;
    std::uint32_t input_producer_;
};

}  // namespace hvctld
