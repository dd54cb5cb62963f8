// Every input that a fuzzer kept, once more, without a fuzzer.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "store_fuzzer.hpp"

namespace hvctld::store::fuzz {
namespace {

template <class Run>
void replay(const std::string& folder, Run run) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
        SCOPED_TRACE(entry.path());
        run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++count;
    }
    EXPECT_GT(count, 0u);
}

TEST(Corpus, Protocol) {
    replay(STORE_CORPUS "/store/corpus", run_protocol_script);
}
TEST(Corpus, Journal) {
    replay(STORE_CORPUS "/store_journal/corpus", run_journal_records);
}

}  // namespace
}  // namespace hvctld::store::fuzz
