// Opening the registry so that the daemon starts whatever has become of the file: its guests are there all the same.
#pragma once

#include <memory>
#include <string>

#include "registry/registry.hpp"

namespace hvctld {

struct OpenedRegistry {
    std::unique_ptr<Registry> registry;
    std::string warning;  // what is wrong, what was done about it, and what is left to do; empty when all is well
};

// A damaged file is put aside, with a name of its own, and a new one begun; in place of one that cannot be opened, or
// that a newer hvctld has written, there is a registry in memory that takes no records.
OpenedRegistry open_registry(const std::string& path);

}  // namespace hvctld
