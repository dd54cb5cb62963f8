// A configuration file as text: what can be said about it before and beside YAML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"

namespace hvctld::config {

class SourceText {
  public:
    SourceText(std::string_view text, std::string source);

    // UTF-8 without control characters; line ends are LF or CRLF. What is not gets one error, and false.
    [[nodiscard]] bool check(Diagnostics& diagnostics) const;

    // The text with LF alone at the lines' ends; lines and columns are the same.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::string& source() const { return source_; }

    // Lines count from 1, as in a Position; "" beyond the last one.
    [[nodiscard]] std::string_view line(std::uint32_t number) const;
    // The nearest line before `number` that is neither blank nor a comment; 0 without one.
    [[nodiscard]] std::uint32_t line_above(std::uint32_t number) const;
    [[nodiscard]] std::uint32_t line_count() const { return static_cast<std::uint32_t>(lines_.size()); }
    // What stands at a position, to the end of its line and of the text.
    [[nodiscard]] std::string_view rest_of_line(const Position& position) const;
    [[nodiscard]] std::string_view rest_of_text(const Position& position) const;

  private:
    std::string original_;
    std::string source_;
    std::string text_;
    std::vector<std::string_view> lines_;  // of text_
};

// How many bytes of blanks a line begins with.
std::size_t indentation(std::string_view line);

}  // namespace hvctld::config
