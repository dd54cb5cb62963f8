#include "hv/base/format.hpp"

namespace hv {
namespace {

struct Field {
    bool left = false;
    bool zeros = false;
    bool hexadecimal = false;
    unsigned width = 0;
};

class Writer {
  public:
    explicit Writer(std::span<char> out) : out_{out} {}
    void put(char character) {
        if (used_ < out_.size()) out_[used_++] = character;
    }
    void put(std::string_view text) {
        for (char character : text) put(character);
    }
    std::string_view text() const { return {out_.data(), used_}; }

  private:
    std::span<char> out_;
    std::size_t used_ = 0;
};

void put_padded(Writer& writer, std::string_view text, const Field& field, bool numeric) {
    const std::size_t padding = field.width > text.size() ? field.width - text.size() : 0;
    const bool zeros = field.zeros && numeric;
    if (zeros && !text.empty() && text.front() == '-') {
        writer.put('-');
        text.remove_prefix(1);
    }
    if (!field.left)
        for (std::size_t i = 0; i < padding; ++i) writer.put(zeros ? '0' : ' ');
    writer.put(text);
    if (field.left)
        for (std::size_t i = 0; i < padding; ++i) writer.put(' ');
}

void put_number(Writer& writer, std::uint64_t magnitude, bool negative, const Field& field) {
    char digits[24];
    std::size_t start = sizeof digits;
    const unsigned base = field.hexadecimal ? 16 : 10;
    do {
        digits[--start] = "0123456789abcdef"[magnitude % base];
        magnitude /= base;
    } while (magnitude != 0);
    if (negative) digits[--start] = '-';
    put_padded(writer, {digits + start, sizeof digits - start}, field, true);
}

void put_argument(Writer& writer, const FormatArgument& argument, Field field) {
    using Kind = FormatArgument::Kind;
    switch (argument.kind) {
        case Kind::Signed: {
            const bool negative = argument.number < 0 && !field.hexadecimal;
            put_number(writer, negative ? 0 - argument.bits : argument.bits, negative, field);
            return;
        }
        case Kind::Unsigned: put_number(writer, argument.bits, false, field); return;
        case Kind::Pointer:
            field.hexadecimal = true;
            put_number(writer, argument.bits, false, field);
            return;
        case Kind::Boolean: put_padded(writer, argument.bits ? "true" : "false", field, false); return;
        case Kind::Character: {
            const char character = static_cast<char>(argument.bits);
            put_padded(writer, {&character, 1}, field, false);
            return;
        }
        case Kind::Text: put_padded(writer, argument.text, field, false); return;
    }
}

Field parse_field(std::string_view text) {
    Field field;
    if (text.starts_with(':')) text.remove_prefix(1);
    if (text.starts_with('<')) {
        field.left = true;
        text.remove_prefix(1);
    }
    if (text.starts_with('0')) field.zeros = true;
    for (char character : text) {
        if (character >= '0' && character <= '9')
            field.width = field.width * 10 + static_cast<unsigned>(character - '0');
        if (character == 'x') field.hexadecimal = true;
    }
    if (field.width > 64) field.width = 64;
    return field;
}

}  // namespace

std::string_view format_to(std::span<char> out, std::string_view pattern, std::span<const FormatArgument> arguments) {
    Writer writer{out};
    std::size_t used = 0;
    while (!pattern.empty()) {
        const std::size_t open = pattern.find('{');
        writer.put(pattern.substr(0, open));
        if (open == std::string_view::npos) break;
        pattern.remove_prefix(open + 1);
        const std::size_t close = pattern.find('}');
        if (close == std::string_view::npos) break;
        if (used < arguments.size()) {
            put_argument(writer, arguments[used++], parse_field(pattern.substr(0, close)));
        } else {
            writer.put("{?}");
        }
        pattern.remove_prefix(close + 1);
    }
    return writer.text();
}

}  // namespace hv
