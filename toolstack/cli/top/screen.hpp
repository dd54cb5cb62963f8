// The whole terminal, for 'hvctl top', by ncurses.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "interrupts.hpp"

namespace hvctl::cli {

class Screen {
  public:
    // Takes the terminal over; is_open() tells whether there is one that can do it.
    Screen();
    ~Screen();  // gives it back as it was
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool is_open() const { return screen_ != nullptr; }
    std::size_t width() const;

    // `summary`, a table with its titles, and a line of help at the bottom; what does not fit is left out.
    void show(const std::string& summary, const std::vector<std::string>& table, const std::string& help);
    // A key, or nothing after `patience`, or when the terminal has another size: show() then. kEnd for a signal that
    // ends the program.
    static constexpr int kEnd = -2;
    std::optional<int> key(std::chrono::milliseconds patience);

  private:
    void* screen_ = nullptr;  // ncurses' own
    Interrupts interrupts_;
};

}  // namespace hvctl::cli
