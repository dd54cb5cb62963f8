// What cloud-init in a guest is told (its NoCloud data source): who it is, who may log in, and its network.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "config/definition.hpp"
#include "config/settings.hpp"

namespace hvctld {

struct SeedFile {
    std::string name;
    std::string text;
};

// meta-data, network-config and user-data; `user_data` is the administrator's, empty without. The same for the same
// definition: a guest with another identity, or in another network, has another instance-id, and cloud-init sets it up
// anew.
std::vector<SeedFile> seed_files(const config::DomainDefinition& definition,
                                 const std::vector<config::NetworkSettings>& networks, const std::string& user_data);

// A file system with them on a CD-ROM, with the label that cloud-init looks for, written to `path`, and readable for
// root alone. May wait for its disk: for a thread that may.
Result<void> write_seed(const std::string& path, const std::vector<SeedFile>& files);

// The seed of the domain with that UUID.
std::string seed_path(const std::string& folder, const std::string& uuid);
// Removes all files of the folder but the seeds of these domains: what a process left that was killed. May wait for the
// disk.
void sweep_seeds(const std::string& folder, const std::set<std::string>& uuids);

}  // namespace hvctld
