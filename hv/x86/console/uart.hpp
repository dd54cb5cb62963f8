// A 16550 serial port. Output is synchronous: a character is in the FIFO when put() returns, so a panic loses nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "hv/x86/boot/command_line.hpp"

namespace hv::x86 {

class Uart {
  public:
    // Probes the port and programs it; `index` 0 for com1, 1 for com2. Absent ports swallow output.
    void start(unsigned index, const SerialOptions& options);
    bool present() const { return present_; }
    void put(char character);
    void write(std::string_view text);  // "\n" becomes "\r\n"
    bool get(char& character);          // false: nothing has arrived
    void enable_receive_interrupt();
    unsigned irq() const { return irq_; }  // ISA

  private:
    std::uint16_t base_ = 0;
    std::uint8_t irq_ = 0;
    bool present_ = false;
    unsigned room_ = 0;  // characters that the FIFO takes without looking again
};

}  // namespace hv::x86
