// Dom0's nftables, through its library.
#pragma once

#include <string>

#include "base/errors.hpp"

namespace hvctld {

// Runs a script as nft does: all of it or nothing. Blocks, and may be called by any thread. The error says what nft
// would.
//
// Before it runs one the library reads all tables of the kernel, with half a megabyte of memory for each; a script
// whose last command lists a table has it read that one alone.
Result<void> run_nft(const std::string& script);
// The same; what nft prints, without what has been counted.
Result<std::string> read_nft(const std::string& script);

}  // namespace hvctld
