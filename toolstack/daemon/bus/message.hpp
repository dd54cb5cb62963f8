// Reading and writing D-Bus messages without sd-bus's format strings all over the place.
#pragma once

#include <systemd/sd-bus.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.hpp"

namespace hvctld::bus {

struct MessageUnref {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

struct BusClose {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
using Bus = std::unique_ptr<sd_bus, BusClose>;

struct SlotUnref {
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using Slot = std::unique_ptr<sd_bus_slot, SlotUnref>;

// The arguments of a call, in order. sd-bus has checked the signature; a read that fails all the same is
// InvalidArgument.
class Arguments {
  public:
    explicit Arguments(sd_bus_message* call) : call_{call} {}
    Result<std::string> text();
    Result<std::uint64_t> number();
    Result<std::int32_t> integer();
    Result<bool> boolean();
    Result<std::vector<std::string>> texts();
    // a{sv}: `each` reads the variant's value with the functions above and fails for keys that it does not know.
    using Option = std::function<Result<void>(const std::string& key, const std::string& type, Arguments& value)>;
    Result<void> options(const Option& each);
    // a{sv} that may have that boolean and nothing else; false without.
    Result<bool> flag(std::string_view name);
    Result<std::uint32_t> number32();

  private:
    sd_bus_message* call_;
};

// Appends to a message; the first failure stays (out of memory).
class Writer {
  public:
    explicit Writer(sd_bus_message* message) : message_{message} {}

    // What is not UTF-8 in it is replaced: one odd string does not fail the message.
    Writer& text(std::string_view value);
    Writer& number(std::uint64_t value) { return put('t', &value); }
    Writer& boolean(bool value) {
        const int whole = value ? 1 : 0;
        return put('b', &whole);
    }
    Writer& descriptor(int fd) { return put('h', &fd); }
    Writer& texts(const std::vector<std::string>& values);

    // One entry of an a{sv} or a{st}.
    Writer& entry(const char* key, const std::string& value);
    Writer& entry(const char* key, const char* value) { return entry(key, std::string{value}); }
    Writer& entry(const char* key, std::uint64_t value) { return variant(key, "t", 't', &value); }
    Writer& entry(const char* key, std::uint32_t value) { return variant(key, "u", 'u', &value); }
    // A template, so that a string literal cannot become a bool.
    template <std::same_as<bool> Bool>
    Writer& entry(const char* key, Bool value) {
        const int whole = value ? 1 : 0;
        return variant(key, "b", 'b', &whole);
    }
    Writer& entry(const char* key, const std::vector<std::string>& values);
    Writer& counter(const std::string& key, std::uint64_t value);

    // Opens an array of `content` ("{sv}", "a{sv}"), has it filled and closes it.
    template <class Fill>
    Writer& array(const char* content, Fill fill) {
        open('a', content);
        fill();
        return close();
    }

    [[nodiscard]] int status() const { return status_; }

  private:
    Writer& put(char type, const void* value);
    Writer& variant(const char* key, const char* content, char type, const void* value);
    void open(char type, const char* content);
    Writer& close();

    sd_bus_message* message_;
    int status_ = 0;
};

}  // namespace hvctld::bus
