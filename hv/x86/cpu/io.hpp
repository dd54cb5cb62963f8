// I/O ports.
#pragma once

#include <cstdint>

namespace hv::x86 {

inline std::uint8_t in8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint16_t in16(std::uint16_t port) {
    std::uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint32_t in32(std::uint16_t port) {
    std::uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline void out8(std::uint16_t port, std::uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out16(std::uint16_t port, std::uint16_t value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(std::uint16_t port, std::uint32_t value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

// `bytes` is 1, 2 or 4.
inline std::uint32_t read_port(std::uint16_t port, unsigned bytes) {
    return bytes == 1 ? in8(port) : bytes == 2 ? in16(port) : in32(port);
}
inline void write_port(std::uint16_t port, unsigned bytes, std::uint32_t value) {
    if (bytes == 1)
        out8(port, static_cast<std::uint8_t>(value));
    else if (bytes == 2)
        out16(port, static_cast<std::uint16_t>(value));
    else
        out32(port, value);
}

}  // namespace hv::x86
