// Opening the registry so that the daemon starts whatever has become of the file: its guests are there all the same.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "registry/registry.hpp"

namespace hvctld {

struct OpenedRegistry {
    std::unique_ptr<Registry> registry;
    std::string warning;  // what is wrong, what was done about it, and what is left to do; empty when all is well
};

// A damaged file is put aside, with a name of its own, and a new one is begun. In place of a file that cannot be
// opened, or that a newer hvctld has written, there is a registry in memory that takes no records
// (Registry::stand_in()). The same where its disk has not answered after `patience`: guests that run cannot be served
// while that is waited for. `open` is for tests.
inline constexpr std::chrono::milliseconds kOpeningPatience = std::chrono::seconds{30};
using RegistryOpener = std::function<Result<std::unique_ptr<Registry>>(const std::string& path)>;
OpenedRegistry open_registry(const std::string& path, std::chrono::milliseconds patience = kOpeningPatience,
                             const RegistryOpener& open = Registry::open);

// Gives a damaged database, and what sqlite keeps beside it, a name of its own, which is returned.
Result<std::string> put_database_aside(const std::string& path);

}  // namespace hvctld
