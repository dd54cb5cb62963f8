// What is wanted about leaks, said as the command line says it.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "hv/x86/leaks/options.hpp"

namespace hv::x86 {

// A word that is not understood fails the test.
inline LeakOptions said(std::string_view text) {
    LeakOptions options;
    while (!text.empty()) {
        std::string_view value = take_until(text, ' ');
        const std::string_view name = take_until(value, '=');
        apply_leak_option(options, name, value,
                          [](std::string_view word, std::string_view why) { ADD_FAILURE() << word << ": " << why; });
    }
    return options;
}

}  // namespace hv::x86
