#include "console/ring.hpp"

#include <atomic>

namespace hvctld {
namespace {

// Indexes: acquire and release pair with the guest's barriers around its own index updates.
std::uint32_t load(std::uint32_t& index) {
    return std::atomic_ref{index}.load(std::memory_order_acquire);
}
void store(std::uint32_t& index, std::uint32_t value) {
    std::atomic_ref{index}.store(value, std::memory_order_release);
}

// Bytes: the guest may write them while they are copied, so each is read exactly once.
char fetch(const char& byte) {
    return *static_cast<const volatile char*>(&byte);
}

}  // namespace

ConsoleRing::ConsoleRing(SharedPage page)
    : memory_{std::move(page)},
      page_{reinterpret_cast<ConsoleRingPage*>(memory_.data)},
      output_consumer_{load(page_->output_consumer)},
      input_producer_{load(page_->input_producer)} {}

std::size_t ConsoleRing::peek(std::span<char, kConsoleOutputSize> buffer) {
    const std::uint32_t producer = load(page_->output_producer);
    const std::uint32_t used = producer - output_consumer_;
    if (used > kConsoleOutputSize) {
        consume(used);
        return 0;
    }
    for (std::uint32_t i = 0; i < used; ++i)
        buffer[i] = fetch(page_->output[(output_consumer_ + i) & (kConsoleOutputSize - 1)]);
    return used;
}

void ConsoleRing::consume(std::uint32_t bytes) {
    output_consumer_ += bytes;
    store(page_->output_consumer, output_consumer_);
}

void ConsoleRing::resume_at(std::uint32_t consumer) {
    const std::uint32_t ahead = consumer - output_consumer_;
    if (ahead <= load(page_->output_producer) - output_consumer_ && ahead <= kConsoleOutputSize) consume(ahead);
}

std::uint32_t ConsoleRing::input_room() const {
    const std::uint32_t used = input_producer_ - load(page_->input_consumer);
    return used > kConsoleInputSize ? 0 : kConsoleInputSize - used;
}

void ConsoleRing::push_input(std::span<const char> bytes) {
    for (const char byte : bytes) {
        *static_cast<volatile char*>(&page_->input[input_producer_ & (kConsoleInputSize - 1)]) = byte;
        ++input_producer_;
    }
    store(page_->input_producer, input_producer_);
}

}  // namespace hvctld
