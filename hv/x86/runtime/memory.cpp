// What the compiler takes for granted. The compiler would turn loops into calls to themselves, so these are the string
// instructions, word by word: as fast as any on a real CPU, and eight times as fast as bytes under emulation.
#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t count) {
    void* out = to;
    std::size_t words = count / 8;
    count %= 8;
    asm volatile("rep movsq" : "+D"(out), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(count) : : "memory");
    return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
    if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= count)
        return memcpy(to, from, count);
    void* out = static_cast<char*>(to) + count - 1;
    const void* in = static_cast<const char*>(from) + count - 1;
    asm volatile("std; rep movsb; cld" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    return to;
}

void* memset(void* to, int value, std::size_t count) {
    void* out = to;
    const std::uint64_t pattern = 0x0101'0101'0101'0101 * static_cast<std::uint8_t>(value);
    std::size_t words = count / 8;
    count %= 8;
    asm volatile("rep stosq" : "+D"(out), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(out), "+c"(count) : "a"(pattern) : "memory");
    return to;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] int memcmp(const void* a, const void* b, std::size_t count) {
    const auto* left = static_cast<const unsigned char*>(a);
    const auto* right = static_cast<const unsigned char*>(b);
    for (; count != 0; --count, ++left, ++right)
        if (*left != *right) return *left < *right ? -1 : 1;
    return 0;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != '\0') {
        ++length;
        asm volatile("" : "+r"(length));  // or this becomes a call of strlen
    }
    return length;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memchr(const void* area, int value, std::size_t count) {
    const auto* bytes = static_cast<const unsigned char*>(area);
    for (; count != 0; --count, ++bytes)
        if (*bytes == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(bytes);
    return nullptr;
}

// std::popcount() where the CPU is not known to have POPCNT.
int __popcountdi2(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    bits -= (bits >> 1) & 0x5555'5555'5555'5555;
    bits = (bits & 0x3333'3333'3333'3333) + ((bits >> 2) & 0x3333'3333'3333'3333);
    bits = (bits + (bits >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
    return static_cast<int>((bits * 0x0101'0101'0101'0101) >> 56);
}

}  // extern "C"
