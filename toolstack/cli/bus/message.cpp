#include "bus/message.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace hvctl::cli {
namespace {

std::unexpected<Failure> bad_reply(int error) {
    return fail(ExitCode::Failed, std::string("hvctld answered something unexpected (") + std::strerror(-error) +
                                      ")\nhvctl and hvctld may be of different versions.");
}

Result<Value> read_basic(sd_bus_message* message, char type) {
    union {
        const char* text;
        std::uint8_t u8;
        std::uint16_t u16;
        std::int16_t i16;
        std::uint32_t u32;
        std::int32_t i32;
        std::uint64_t u64;
        std::int64_t i64;
        int boolean;
        double real;
    } raw{};
    if (int error = sd_bus_message_read_basic(message, type, &raw); error < 0) return bad_reply(error);
    switch (type) {
        case 's':
        case 'o':
        case 'g': return std::string(raw.text);
        case 'y': return std::uint64_t{raw.u8};
        case 'q': return std::uint64_t{raw.u16};
        case 'n': return std::int64_t{raw.i16};
        case 'u': return std::uint64_t{raw.u32};
        case 'i': return std::int64_t{raw.i32};
        case 't': return raw.u64;
        case 'x': return raw.i64;
        case 'b': return raw.boolean != 0;
        case 'd': return raw.real;
        default: return bad_reply(-EBADMSG);
    }
}

// One variant; types that this client does not know yet are stepped over.
Result<void> read_entry(sd_bus_message* message, Properties& into) {
    const char* key = nullptr;
    if (int error = sd_bus_message_read_basic(message, 's', &key); error < 0) return bad_reply(error);
    std::string name(key);
    char type = 0;
    const char* contents = nullptr;
    if (int error = sd_bus_message_peek_type(message, &type, &contents); error < 0) return bad_reply(error);
    if (type != 'v') {  // a{st}
        into.insert_or_assign(name, TRY(read_basic(message, type)));
        return {};
    }
    std::string signature(contents);
    if (signature != "as" && (signature.size() != 1 || std::strchr("sogyqnuitxbd", signature[0]) == nullptr)) {
        if (int error = sd_bus_message_skip(message, "v"); error < 0) return bad_reply(error);
        return {};
    }
    if (int error = sd_bus_message_enter_container(message, 'v', signature.c_str()); error < 0) return bad_reply(error);
    if (signature == "as")
        into.insert_or_assign(name, TRY(read_strings(message)));
    else
        into.insert_or_assign(name, TRY(read_basic(message, signature[0])));
    if (int error = sd_bus_message_exit_container(message); error < 0) return bad_reply(error);
    return {};
}

}  // namespace

Result<std::string> read_string(sd_bus_message* message) {
    return std::get<std::string>(TRY(read_basic(message, 's')));
}

Result<std::uint64_t> read_u64(sd_bus_message* message) {
    return std::get<std::uint64_t>(TRY(read_basic(message, 't')));
}

Result<bool> read_boolean(sd_bus_message* message) {
    return std::get<bool>(TRY(read_basic(message, 'b')));
}

Result<std::vector<std::string>> read_strings(sd_bus_message* message) {
    std::vector<std::string> strings;
    int error = sd_bus_message_enter_container(message, 'a', "s");
    if (error < 0) return bad_reply(error);
    const char* text = nullptr;
    while ((error = sd_bus_message_read_basic(message, 's', &text)) > 0) strings.emplace_back(text);
    if (error >= 0) error = sd_bus_message_exit_container(message);
    if (error < 0) return bad_reply(error);
    return strings;
}

Result<Properties> read_properties(sd_bus_message* message) {
    Properties properties;
    char type = 0;
    const char* contents = nullptr;
    int error = sd_bus_message_peek_type(message, &type, &contents);
    if (error <= 0 || type != 'a' || (std::strcmp(contents, "{sv}") != 0 && std::strcmp(contents, "{st}") != 0)) {
        return bad_reply(error < 0 ? error : -EBADMSG);
    }
    std::string entry(contents + 1, 2);
    error = sd_bus_message_enter_container(message, 'a', contents);
    while (error >= 0 && (error = sd_bus_message_enter_container(message, 'e', entry.c_str())) > 0) {
        TRY(read_entry(message, properties));
        error = sd_bus_message_exit_container(message);
    }
    if (error >= 0) error = sd_bus_message_exit_container(message);
    if (error < 0) return bad_reply(error);
    return properties;
}

Result<std::vector<Properties>> read_properties_list(sd_bus_message* message) {
    std::vector<Properties> list;
    if (int error = sd_bus_message_enter_container(message, 'a', "a{sv}"); error < 0) return bad_reply(error);
    while (sd_bus_message_at_end(message, 0) == 0) list.push_back(TRY(read_properties(message)));
    if (int error = sd_bus_message_exit_container(message); error < 0) return bad_reply(error);
    return list;
}

Result<int> read_descriptor(sd_bus_message* message) {
    int borrowed = -1;
    if (int error = sd_bus_message_read_basic(message, 'h', &borrowed); error < 0) return bad_reply(error);
    int own = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
    if (own < 0) return bad_reply(-errno);
    return own;
}

int append_strings(sd_bus_message* message, const std::vector<std::string>& strings) {
    int error = sd_bus_message_open_container(message, 'a', "s");
    for (const std::string& text : strings) {
        if (error >= 0) error = sd_bus_message_append_basic(message, 's', text.c_str());
    }
    return error < 0 ? error : sd_bus_message_close_container(message);
}

int append_properties(sd_bus_message* message, const Properties& properties) {
    int error = sd_bus_message_open_container(message, 'a', "{sv}");
    for (const auto& [key, value] : properties) {
        if (error < 0) return error;
        if (const auto* flag = std::get_if<bool>(&value)) {
            error = sd_bus_message_append(message, "{sv}", key.c_str(), "b", *flag ? 1 : 0);
        } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {  // counts and seconds: u in this API
            error = sd_bus_message_append(message, "{sv}", key.c_str(), "u", static_cast<std::uint32_t>(*number));
        } else if (const auto* text = std::get_if<std::string>(&value)) {
            error = sd_bus_message_append(message, "{sv}", key.c_str(), "s", text->c_str());
        } else {
            error = -EINVAL;
        }
    }
    return error < 0 ? error : sd_bus_message_close_container(message);
}

}  // namespace hvctl::cli
