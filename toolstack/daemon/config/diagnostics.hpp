// What is wrong with a definition: everything at once, each with its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hvctld::config {

// Line and column count from 1; line 0 means that the source has no lines (an override).
struct Position {
    std::string source;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

// "web1.yaml:3:7", or the source alone.
std::string to_string(const Position& position);

class Diagnostics {
  public:
    void error(const Position& position, std::string_view text);
    void warning(const Position& position, std::string_view text);

    [[nodiscard]] bool failed() const { return !errors_.empty(); }
    [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
    // All errors, a line each.
    [[nodiscard]] std::string text() const;

  private:
    std::vector<std::string> errors_;
    std::vector<std::string> warnings_;
};

}  // namespace hvctld::config
