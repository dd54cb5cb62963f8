// Why hvctld cannot be reached, as far as it can be seen from outside.
#pragma once

#include <filesystem>

#include "failure.hpp"

namespace hvctl::cli {

struct Unreachable {
    std::filesystem::path root = "/";  // where /sys, /proc and /run are looked up
    bool is_root = true;               // the caller's effective user
    int error = 0;                     // errno of the attempt to connect
    std::string address;               // what was tried
    bool is_default = true;            // false when the user named the address
};

Failure explain_unreachable(const Unreachable& attempt);

// What Linux says that it runs on. What it does not say counts for hv: hvctld has the last word.
enum class Host { Bare, OtherHypervisor, Guest, Dom0 };
Host look_at_host(const std::filesystem::path& root);

}  // namespace hvctl::cli
