// The addresses that a PV guest's page tables map, with those of its own frames that they are mapped to.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "hvctl/core_file.hpp"

namespace hvctl {

using TableEntries = std::array<std::uint64_t, 512>;
// The table in a frame of the guest's; all zeros when it cannot be read.
using ReadTable = std::function<void(Mfn table, TableEntries& entries)>;

// In ascending order of addresses; neighbours whose frames follow each other in `frames` are one. The tables are a
// hostile guest's: what is beyond kMostCoreMappings ranges, in a table for more than the fourth time, or past more
// entries than a guest of that size has use for, is left out.
std::vector<CoreMapping> find_mappings(std::span<const OwnedFrame> frames, Mfn root, const ReadTable& read,
                                       const std::stop_token& cancel);

}  // namespace hvctl
