// build/fuzz/tests/fuzz/frames/fuzz_frames -max_len=4096 NEW_CORPUS tests/fuzz/frames/corpus
// FRAMES_TELL=1 prints the steps of scripts that are good, too.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/frames/script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool tell = std::getenv("FRAMES_TELL") != nullptr;
    const fuzz::Played played = fuzz::run_frames_script({data, size});
    if (tell || !played.wrong.empty()) std::fputs(played.steps.c_str(), stderr);
    if (played.wrong.empty()) return 0;
    std::fprintf(stderr, "step %llu:\n%s", static_cast<unsigned long long>(played.count), played.wrong.c_str());
    std::abort();
}
