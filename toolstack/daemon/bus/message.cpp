#include "bus/message.hpp"

#include <fmt/format.h>

#include "bus/utf8.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

std::unexpected<Error> bad_message(int status) {
    return fail_errno(-status, "malformed call");
}

}  // namespace

Result<std::string> Arguments::text() {
    const char* value = nullptr;
    if (const int status = sd_bus_message_read_basic(call_, 's', &value); status <= 0) return bad_message(status);
    return std::string{value};
}

Result<std::uint64_t> Arguments::number() {
    std::uint64_t value = 0;
    if (const int status = sd_bus_message_read_basic(call_, 't', &value); status <= 0) return bad_message(status);
    return value;
}

Result<bool> Arguments::flag(std::string_view name) {
    bool set = false;
    TRY(options([&](const std::string& key, const std::string& type, Arguments& value) -> Result<void> {
        if (key != name || type != "b")
            return fail(ErrorId::InvalidArgument, fmt::format("there is no option \"{}\" of type {}", key, type));
        set = TRY(value.boolean());
        return {};
    }));
    return set;
}

Result<std::uint32_t> Arguments::number32() {
    std::uint32_t value = 0;
    if (const int status = sd_bus_message_read_basic(call_, 'u', &value); status <= 0) return bad_message(status);
    return value;
}

Result<std::int32_t> Arguments::integer() {
    std::int32_t value = 0;
    if (const int status = sd_bus_message_read_basic(call_, 'i', &value); status <= 0) return bad_message(status);
    return value;
}

Result<bool> Arguments::boolean() {
    int value = 0;
    if (const int status = sd_bus_message_read_basic(call_, 'b', &value); status <= 0) return bad_message(status);
    return value != 0;
}

Result<std::vector<std::string>> Arguments::texts() {
    std::vector<std::string> values;
    if (const int status = sd_bus_message_enter_container(call_, 'a', "s"); status <= 0) return bad_message(status);
    const char* value = nullptr;
    while (sd_bus_message_read_basic(call_, 's', &value) > 0) values.emplace_back(value);
    if (const int status = sd_bus_message_exit_container(call_); status < 0) return bad_message(status);
    return values;
}

Result<void> Arguments::options(const Option& each) {
    if (const int status = sd_bus_message_enter_container(call_, 'a', "{sv}"); status <= 0) return bad_message(status);
    while (sd_bus_message_enter_container(call_, 'e', "sv") > 0) {
        const std::string key = TRY(text());
        char type = 0;
        const char* content = nullptr;
        if (const int status = sd_bus_message_peek_type(call_, &type, &content); status <= 0)
            return bad_message(status);
        const std::string inner = content;
        if (const int status = sd_bus_message_enter_container(call_, 'v', inner.c_str()); status <= 0)
            return bad_message(status);
        TRY(each(key, inner, *this));
        if (const int status = sd_bus_message_exit_container(call_); status < 0) return bad_message(status);
        if (const int status = sd_bus_message_exit_container(call_); status < 0) return bad_message(status);
    }
    if (const int status = sd_bus_message_exit_container(call_); status < 0) return bad_message(status);
    return {};
}

Writer& Writer::put(char type, const void* value) {
    if (status_ >= 0) status_ = sd_bus_message_append_basic(message_, type, value);
    return *this;
}

Writer& Writer::text(std::string_view value) {
    return put('s', as_utf8(value).c_str());
}

void Writer::open(char type, const char* content) {
    if (status_ >= 0) status_ = sd_bus_message_open_container(message_, type, content);
}

Writer& Writer::close() {
    if (status_ >= 0) status_ = sd_bus_message_close_container(message_);
    return *this;
}

Writer& Writer::variant(const char* key, const char* content, char type, const void* value) {
    open('e', "sv");
    put('s', key);
    open('v', content);
    put(type, value);
    close();
    return close();
}

Writer& Writer::entry(const char* key, const std::string& value) {
    return variant(key, "s", 's', as_utf8(value).c_str());
}

Writer& Writer::texts(const std::vector<std::string>& values) {
    return array("s", [&] {
        for (const std::string& value : values) text(value);
    });
}

Writer& Writer::entry(const char* key, const std::vector<std::string>& values) {
    open('e', "sv");
    put('s', key);
    open('v', "as");
    texts(values);
    close();
    return close();
}

Writer& Writer::counter(const std::string& key, std::uint64_t value) {
    open('e', "st");
    text(key);
    put('t', &value);
    return close();
}

}  // namespace hvctld::bus
