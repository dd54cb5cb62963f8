// A 16550 serial port. At first output is synchronous: what is written is in the port when write()
// returns. Once its interrupts call service(), or a timer calls poll(), writers do not wait for the port any more,
// except in a panic, which loses nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/console/serial_output.hpp"

namespace hv::x86 {

class Uart {
  public:
    // Probes the port and programs it; `index` 0 for com1, 1 for com2. Absent ports swallow output.
    void start(unsigned index, const SerialOptions& options);
    bool present() const { return present_; }
    unsigned irq() const { return irq_; }  // ISA

    // `spare`: so much room is others'. `wait`: for room, rather than lose any.
    void write(std::span<const std::string_view> parts, std::size_t spare, bool wait);
    bool has_room(std::size_t length, std::size_t spare) const { return !present_ || output_.has_room(length, spare); }
    bool waits() const { return !output_.empty(); }  // something to be written
    std::uint64_t lost() const { return output_.lost(); }
    void flush();               // waits until all is in the port
    bool get(char& character);  // false: nothing has arrived

    void write_at_once();  // for ever, beginning with what waits
    void use_interrupts();
    void use_polling();
    void service();  // at its interrupt; afterwards, when what arrived has been fetched, rearm()
    void rearm();
    void poll();

  private:
    friend class SerialOutput;
    bool ready();
    void send(char character);
    void set_interrupts(std::uint8_t enabled);

    SerialOutput output_;
    std::uint16_t base_ = 0;
    std::uint8_t irq_ = 0;
    std::uint8_t interrupts_ = 0;  // that are enabled
    bool present_ = false;
    bool queues_ =
        false;  // what the port does not take at once; all zero at first, so that the image holds no empty ring
    unsigned room_ = 0;  // characters that the FIFO takes without looking again
};

}  // namespace hv::x86
