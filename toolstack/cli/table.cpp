#include "table.hpp"

#include <algorithm>
#include <numeric>

#include "text.hpp"

namespace hvctl::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastText = 4;  // columns that a text keeps in any terminal

void append_cell(std::string& line, const Cell& cell, Align align, std::size_t width, const Terminal& terminal) {
    const std::string text = cut(cell.text, width);
    std::string padding(width - display_width(text), ' ');
    std::string painted = terminal.paint(text, cell.colour);
    line += align == Align::Right ? padding + painted : painted + padding;
}

void end_line(std::string& out, std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
}

}  // namespace

std::string Table::render(const Terminal& terminal) const {
    std::vector<std::size_t> widths;
    for (std::size_t index = 0; index < columns_.size(); ++index) {
        std::size_t width = display_width(columns_[index].title);
        for (const auto& row : rows_) width = std::max(width, display_width(row[index].text));
        widths.push_back(width);
    }

    std::vector<std::size_t> shown(columns_.size());
    std::iota(shown.begin(), shown.end(), std::size_t{0});
    auto total = [&] {
        std::size_t sum = kGap * (shown.size() - 1);
        for (std::size_t index : shown) sum += widths[index];
        return sum;
    };
    while (terminal.is_tty && total() > terminal.width) {
        auto last =
            std::find_if(shown.rbegin(), shown.rend(), [&](std::size_t index) { return columns_[index].optional; });
        if (last == shown.rend()) break;
        shown.erase(std::next(last).base());
    }
    while (terminal.is_tty && total() > terminal.width) {
        auto widest = std::ranges::max_element(
            shown, {}, [&](std::size_t index) { return columns_[index].align == Align::Left ? widths[index] : 0; });
        if (columns_[*widest].align == Align::Right || widths[*widest] <= kLeastText) break;
        --widths[*widest];
    }
    if (terminal.is_tty && total() > terminal.width)
        std::erase_if(shown, [&](std::size_t index) { return columns_[index].last_resort; });

    std::string out;
    auto add_line = [&](auto cell_at) {
        std::string line;
        for (std::size_t index : shown) {
            if (index != shown.front()) line += std::string(kGap, ' ');
            append_cell(line, cell_at(index), columns_[index].align, widths[index], terminal);
        }
        end_line(out, std::move(line));
    };
    add_line([&](std::size_t index) { return Cell{columns_[index].title, Colour::Bold}; });
    for (const auto& row : rows_) add_line([&](std::size_t index) { return row[index]; });
    return out;
}

}  // namespace hvctl::cli
