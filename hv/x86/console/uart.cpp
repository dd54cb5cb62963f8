#include "hv/x86/console/uart.hpp"

#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"

namespace hv::x86 {
namespace {

// Registers (PC16550D data sheet, "Registers").
enum Register : std::uint16_t {
    kData = 0,
    kInterruptEnable = 1,
    kFifoControl = 2,
    kLineControl = 3,
    kModemControl = 4,
    kLineStatus = 5,
    kScratch = 7
};
constexpr std::uint8_t kLatch = 0x80;          // line control: data and interrupt enable are the divisor
constexpr std::uint8_t kReceived = 0x01;       // line status
constexpr std::uint8_t kTransmitEmpty = 0x20;  // line status: all of the FIFO is free
constexpr unsigned kFifoSize = 16;
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

void Uart::put(char character) {
    if (!present_) return;
    if (room_ == 0) {
        while (!(in8(base_ + kLineStatus) & kTransmitEmpty)) pause();
        room_ = kFifoSize;
    }
    out8(base_ + kData, static_cast<std::uint8_t>(character));
    --room_;
}

void Uart::write(std::string_view text) {
    for (char character : text) {
        if (character == '\n') put('\r');
        put(character);
    }
}

bool Uart::get(char& character) {
    if (!present_ || !(in8(base_ + kLineStatus) & kReceived)) return false;
    character = static_cast<char>(in8(base_ + kData));
    return true;
}

void Uart::enable_receive_interrupt() {
    if (present_) out8(base_ + kInterruptEnable, 0x01);
}

}  // namespace hv::x86
