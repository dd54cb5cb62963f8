#include "hv/x86/console/uart.hpp"

#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"

namespace hv::x86 {
namespace {

// Registers (PC16550D data sheet, "Registers").
enum Register : std::uint16_t {
    kData = 0,
    kInterruptEnable = 1,
    kInterruptIdentification = 2,  // read
    kFifoControl = 2,              // write
    kLineControl = 3,
    kModemControl = 4,
    kLineStatus = 5,
    kScratch = 7
};
constexpr std::uint8_t kWhenReceived = 0x01, kWhenEmpty = 0x02;  // interrupt enable
constexpr std::uint8_t kLatch = 0x80;          // line control: data and interrupt enable are the divisor
constexpr std::uint8_t kReceived = 0x01;       // line status
constexpr std::uint8_t kTransmitEmpty = 0x20;  // line status: all of the FIFO is free
constexpr unsigned kFifoSize = 16;
constexpr std::size_t kAtOnce = 160;  // characters, into a port that is always ready, as emulated ones are
constexpr std::uint32_t kClock = 115200;

std::uint8_t line_control(const SerialOptions& options) {
    unsigned value = (options.data_bits - 5u) | (options.stop_bits == 2 ? 4u : 0u);
    switch (options.parity) {
        case 'o': value |= 0x08; break;
        case 'e': value |= 0x18; break;
        case 'm': value |= 0x28; break;
        case 's': value |= 0x38; break;
        default: break;
    }
    return static_cast<std::uint8_t>(value);
}

}  // namespace

void Uart::start(unsigned index, const SerialOptions& options) {
    base_ = options.io_base ? options.io_base : (index == 0 ? 0x3f8 : 0x2f8);
    irq_ = options.irq ? options.irq : (index == 0 ? 4 : 3);
    out8(base_ + kScratch, 0x5a);
    present_ = in8(base_ + kScratch) == 0x5a;
    if (!present_) return;
    out8(base_ + kInterruptEnable, 0);
    if (options.baud != 0) {
        const std::uint32_t divisor = kClock / options.baud;
        out8(base_ + kLineControl, kLatch | line_control(options));
        out8(base_ + kData, static_cast<std::uint8_t>(divisor));
        out8(base_ + kInterruptEnable, static_cast<std::uint8_t>(divisor >> 8));
    }
    out8(base_ + kLineControl, line_control(options));
    out8(base_ + kFifoControl, 0x07);   // FIFOs on and empty, interrupt from the first character on
    out8(base_ + kModemControl, 0x0b);  // DTR, RTS, interrupt line connected
    room_ = 0;
}

bool Uart::ready() {
    if (room_ == 0 && (in8(base_ + kLineStatus) & kTransmitEmpty)) room_ = kFifoSize;
    return room_ != 0;
}

void Uart::send(char character) {
    out8(base_ + kData, static_cast<std::uint8_t>(character));
    --room_;
}

void Uart::set_interrupts(std::uint8_t enabled) {
    if (enabled == interrupts_) return;
    interrupts_ = enabled;
    out8(base_ + kInterruptEnable, enabled);
}

void Uart::flush() {
    while (present_ && waits()) {
        output_.drain(*this, kAtOnce);
        pause();
    }
}

void Uart::write(std::span<const std::string_view> parts, std::size_t spare, bool wait) {
    if (!present_) return;
    std::size_t length = 0;
    for (const std::string_view part : parts) length += part.size();
    if (wait && !has_room(length, spare)) flush();
    output_.append(parts, spare);
    if (!queues_) return flush();
    output_.drain(*this, kAtOnce);
    if (interrupts_ != 0 && waits()) set_interrupts(kWhenReceived | kWhenEmpty);
}

bool Uart::get(char& character) {
    if (!present_ || !(in8(base_ + kLineStatus) & kReceived)) return false;
    character = static_cast<char>(in8(base_ + kData));
    return true;
}

void Uart::write_at_once() {
    queues_ = false;
    flush();
}

void Uart::use_interrupts() {
    queues_ = true;
    set_interrupts(kWhenReceived);
}

void Uart::use_polling() {
    queues_ = true;
}

void Uart::service() {
    if (!present_) return;
    static_cast<void>(in8(base_ + kInterruptIdentification));  // which takes back that the port is empty
    output_.drain(*this, kAtOnce);
}

// The line may be one of edges: whatever has come meanwhile makes a new one.
void Uart::rearm() {
    if (!present_ || interrupts_ == 0) return;
    set_interrupts(0);
    set_interrupts(waits() ? kWhenReceived | kWhenEmpty : kWhenReceived);
}

void Uart::poll() {
    if (present_) output_.drain(*this, kAtOnce);
}

}  // namespace hv::x86
