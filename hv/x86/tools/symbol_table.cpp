// symbol_table NM.TXT OUT.S: turns `nm -nC` into the table that panic/symbols.cpp reads: sorted text offsets, offsets
// of the names, names without parameter lists.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

// "hv::Domain::create(hv::Config const&) const" becomes "hv::Domain::create"; "operator()" keeps its parentheses.
std::string short_name(std::string name) {
    const std::string anonymous = "(anonymous namespace)::";
    for (auto at = name.find(anonymous); at != std::string::npos; at = name.find(anonymous))
        name.erase(at, anonymous.size());
    std::size_t from = 0;
    if (auto at = name.find("operator()"); at != std::string::npos) from = at + 10;
    int depth = 0;
    for (std::size_t i = from; i < name.size(); ++i) {
        if (name[i] == '<') ++depth;
        if (name[i] == '>') --depth;
        if (name[i] == '(' && depth <= 0) {
            name.resize(i);
            break;
        }
    }
    if (name.size() > 96) name.resize(96);
    for (char& character : name)
        if (character == '"' || character == '\\') character = '\'';
    return name;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: symbol_table NM.TXT OUT.S\n");
        return 1;
    }
    std::ifstream in{arguments[1]};
    std::ofstream out{arguments[2]};
    std::uint64_t base = 0;
    std::vector<std::pair<std::uint64_t, std::string>> symbols;
    for (std::string line; std::getline(in, line);) {
        if (line.size() < 20) continue;
        const char kind = line[17];
        const std::string name = line.substr(19);
        const std::uint64_t address = std::stoull(line.substr(0, 16), nullptr, 16);
        if (name == "image_start") base = address;
        if (kind != 't' && kind != 'T' && kind != 'W' && kind != 'w') continue;
        if (!symbols.empty() && symbols.back().first == address) symbols.pop_back();
        symbols.emplace_back(address, short_name(name));
    }
    if (base == 0 || symbols.empty()) {
        std::fprintf(stderr, "symbol_table: no image_start or no functions in %s\n", arguments[1]);
        return 1;
    }
    std::erase_if(symbols, [base](const auto& symbol) { return symbol.first < base; });
    out << ".section .symbol_table, \"a\"\n.balign 4\n.long " << symbols.size() << "\n";
    std::size_t offset = 0;
    for (const auto& [address, name] : symbols) {
        out << ".long " << address - base << ", " << offset << "\n";
        offset += name.size() + 1;
    }
    for (const auto& [address, name] : symbols) out << ".asciz \"" << name << "\"\n";
    out << ".section .note.GNU-stack,\"\",@progbits\n";
    return out ? 0 : 1;
}
