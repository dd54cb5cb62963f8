// show_filter INTERFACE MAC any|ADDRESS...: the script that puts the filter of such a NIC in place.
#include <cstdio>
#include <string_view>

#include "devices/network/filter.hpp"

int main(int count, char** arguments) {
    hvctld::NicFilter filter;
    auto& mac = filter.mac;
    if (count < 3 || std::sscanf(arguments[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
                                 &mac[4], &mac[5]) != 6) {
        std::fputs("usage: show_filter INTERFACE MAC any|ADDRESS...\n", stderr);
        return 2;
    }
    filter.interface = arguments[1];
    for (int i = 3; i < count; ++i) {
        if (std::string_view{arguments[i]} == "any") {
            filter.any_address = true;
            continue;
        }
        const auto address = hvctld::config::parse_ip_prefix(arguments[i]);
        if (!address) {
            std::fprintf(stderr, "show_filter: %s\n", address.error().c_str());
            return 2;
        }
        filter.addresses.push_back(*address);
    }
    std::fputs(hvctld::filter_rules(filter).c_str(), stdout);
    return 0;
}
