// Tables that align, whatever alphabet the cells are written in.
#pragma once

#include <string>
#include <vector>

#include "terminal.hpp"

namespace hvctl::cli {

enum class Align { Left, Right };

struct Column {
    std::string title;
    Align align = Align::Left;
    bool optional = false;     // left out (from the last one on) when the table is wider than the terminal; if it still
                               // is, texts are cut
    bool last_resort = false;  // left out when it is wider even then
};

struct Cell {
    std::string text;
    Colour colour = Colour::None;
};

class Table {
  public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // One cell per column.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

    // The lines, with a header, each ended by a newline and without trailing spaces.
    std::string render(const Terminal& terminal) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace hvctl::cli
