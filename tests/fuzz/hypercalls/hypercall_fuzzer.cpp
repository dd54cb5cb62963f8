// build/fuzz/tests/fuzz/hypercalls/fuzz_hypercalls -max_len=4096 NEW_CORPUS tests/fuzz/hypercalls/corpus
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/hypercalls/script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::run_hypercall_script({data, size});
    return 0;
}
