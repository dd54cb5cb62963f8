// Text on hv's console: print("port ", port, " is ", Hex{word}, "\n"). A call is one write, so lines stay whole.
#pragma once

#include <type_traits>

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

struct Hex {
    u64 value;
};

class Text {
  public:
    static constexpr unsigned kCapacity = 512;  // what goes beyond is cut

    template <class... Parts>
    Text& add(const Parts&... parts) {
        (put(parts), ...);
        return *this;
    }
    void write() const;
    const char* c_str() const { return bytes_; }

  private:
    void put(const char* text);
    void put(Hex number);
    void put_signed(std::int64_t number);
    void put_unsigned(u64 number);
    template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>) void put(T number) {
        if constexpr (std::is_signed_v<T>)
            put_signed(number);
        else
            put_unsigned(static_cast<u64>(number));
    }
    void put_character(char character);

    char bytes_[kCapacity + 1] = {};
    unsigned length_ = 0;
};

template <class... Parts>
void print(const Parts&... parts) {
    Text{}.add(parts...).write();
}

}  // namespace guest
