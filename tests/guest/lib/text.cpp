#include "tests/guest/lib/text.hpp"

namespace guest {

void Text::write() const {
    hypercall(HypercallId::ConsoleIo, ConsoleCommand::Write, length_, bytes_);
}

void Text::put_character(char character) {
    if (length_ < kCapacity) bytes_[length_++] = character;
}

void Text::put(const char* text) {
    while (*text) put_character(*text++);
}

void Text::put(Hex number) {
    put("0x");
    bool started = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        const unsigned digit = (number.value >> shift) & 15;
        started |= digit != 0 || shift == 0;
        if (started) put_character("0123456789abcdef"[digit]);
    }
}

void Text::put_signed(std::int64_t number) {
    if (number < 0) put_character('-');
    put_unsigned(number < 0 ? 0 - static_cast<u64>(number) : static_cast<u64>(number));
}

void Text::put_unsigned(u64 number) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number);
    while (count) put_character(digits[--count]);
}

}  // namespace guest
