// build/fuzz/tests/fuzz/mmu/fuzz_mmu -max_len=2048 NEW_CORPUS tests/fuzz/mmu/corpus
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/mmu/script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const std::string wrong = fuzz::run_mmu_script({data, size}); !wrong.empty()) {
        std::fputs(wrong.c_str(), stderr);
        std::abort();
    }
    return 0;
}
