// Dom0's nftables, through its library.
#pragma once

#include <string>

#include "base/errors.hpp"

namespace hvctld {

// Runs a script as nft does: all of it or nothing. Blocks, and may be called by any thread. The error says what nft
// would.
Result<void> run_nft(const std::string& script);

}  // namespace hvctld
