#include "store_fuzzer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    hvctld::store::fuzz::run_protocol_script(data, size);
    return 0;
}
