#include "top/screen.hpp"

#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <csignal>

namespace hvctl::cli {

Screen::Screen() : interrupts_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH} {
    // Names are UTF-8 whatever the environment says: the same as on all other output.
    std::setlocale(LC_CTYPE, "");
    screen_ = newterm(nullptr, stdout, stdin);
    if (screen_ == nullptr) return;
    noecho();
    cbreak();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    curs_set(0);
}

Screen::~Screen() {
    if (screen_ == nullptr) return;
    endwin();
    delscreen(static_cast<SCREEN*>(screen_));
}

std::size_t Screen::width() const {
    return static_cast<std::size_t>(getmaxx(stdscr));
}

void Screen::show(const std::string& summary, const std::vector<std::string>& table, const std::string& help) {
    const int columns = getmaxx(stdscr);
    const int lines = getmaxy(stdscr);
    erase();
    mvaddnstr(0, 0, summary.c_str(), columns);
    constexpr int kFirst = 2;  // below the summary and an empty line
    for (int i = 0; i < static_cast<int>(table.size()) && kFirst + i < lines - 1; ++i) {
        if (i == 0) attron(A_REVERSE);
        mvaddnstr(kFirst + i, 0, table[static_cast<std::size_t>(i)].c_str(), columns);
        if (i == 0) attroff(A_REVERSE);
    }
    attron(A_DIM);
    // Not into the last corner, which would scroll.
    mvaddnstr(lines - 1, 0, help.c_str(), columns - 1);
    attroff(A_DIM);
    refresh();
}

std::optional<int> Screen::key(std::chrono::milliseconds patience) {
    std::array<pollfd, 2> files{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{interrupts_.descriptor(), POLLIN, 0}};
    if (poll(files.data(), files.size(), static_cast<int>(patience.count())) <= 0) return std::nullopt;
    for (int signal = interrupts_.take(); signal != 0; signal = interrupts_.take()) {
        if (signal != SIGWINCH) return kEnd;
        endwin();  // and refresh() takes the new size
        refresh();
    }
    if ((files[0].revents & (POLLHUP | POLLERR)) != 0) return kEnd;
    const int typed = getch();
    if (typed == KEY_RESIZE) return std::nullopt;
    // Readable, and nothing there: its other end has gone.
    if (typed == ERR) return (files[0].revents & POLLIN) != 0 ? std::optional{kEnd} : std::nullopt;
    return typed;
}

}  // namespace hvctl::cli
