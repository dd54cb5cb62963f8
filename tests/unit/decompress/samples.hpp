// Data of different character to pack.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace samples {

using Bytes = std::vector<std::byte>;

Bytes zeros(std::size_t size);
Bytes noise(std::size_t size, unsigned seed = 1);      // cannot be packed
Bytes words(std::size_t size, unsigned seed = 1);      // text: literals and matches of all distances
Bytes periodic(std::size_t size, std::size_t period);  // matches that overlap themselves
Bytes calls(std::size_t size, unsigned seed = 1);      // dense with CALL and JMP opcodes, often overlapping
Bytes program();                                       // the first part of this program's own file
Bytes mixed(std::size_t size);                         // stretches of all of these

struct Sample {
    std::string name;
    Bytes bytes;
};
std::vector<Sample> all();

}  // namespace samples
