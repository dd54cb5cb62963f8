#include "hvctl/vcpu_state.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "fake_hv.hpp"
#include "hvctl/control.hpp"

namespace hvctl::test {
namespace {

using Kind = abi::VcpuRecordKind;

class Row {
  public:
    template <class Contents>
    Row& add(std::uint32_t kind, const Contents& contents, std::size_t length = sizeof(Contents),
             std::uint16_t version = 1) {
        const abi::VcpuRecord header{.kind = kind, .version = version, .reserved = 0, .length = length};
        append(&header, sizeof header);
        append(&contents, length);
        while (bytes.size() % 8 != 0) bytes.push_back({});
        return *this;
    }
    Row& add(Kind kind, const auto& contents) { return add(static_cast<std::uint32_t>(kind), contents); }

    std::vector<std::byte> bytes;

  private:
    void append(const void* from, std::size_t length) {
        const auto* first = static_cast<const std::byte*>(from);
        bytes.insert(bytes.end(), first, first + length);
    }
};

constexpr abi::PvTables kTables{.kernel = 7, .user = 9};
constexpr abi::VcpuDebugRegisters kDebug{.dr = {1, 2, 3, 4, 0, 0, 5, 6}};

TEST(VcpuState, NothingIsAState) {
    const auto state = VcpuState::parse({});
    ASSERT_TRUE(state);
    EXPECT_TRUE(state->records().empty());
    EXPECT_TRUE(state->fully_known());
    EXPECT_EQ(state->find(Kind::General), nullptr);
    EXPECT_FALSE(state->get<abi::PvTables>(Kind::PvTables));
}

TEST(VcpuState, RecordsAreFoundInAnyOrder) {
    const auto state = VcpuState::parse(Row{}.add(Kind::PvTables, kTables).add(Kind::Debug, kDebug).bytes);
    ASSERT_TRUE(state) << state.error().what();
    EXPECT_EQ(state->records().size(), 2u);
    EXPECT_TRUE(state->fully_known());
    EXPECT_EQ(state->get<abi::VcpuDebugRegisters>(Kind::Debug)->dr[7], 6u);
    EXPECT_EQ(state->get<abi::PvTables>(Kind::PvTables)->user, 9u);
}

TEST(VcpuState, WhatIsNotKnownIsSkippedAndSaid) {
    const auto kind = VcpuState::parse(Row{}.add(0x7777u, kDebug, 13).add(Kind::PvTables, kTables).bytes);
    ASSERT_TRUE(kind) << kind.error().what();
    EXPECT_FALSE(kind->fully_known());
    EXPECT_EQ(kind->records()[0].contents.size(), 13u);
    EXPECT_EQ(kind->get<abi::PvTables>(Kind::PvTables)->kernel, 7u);

    const auto version = VcpuState::parse(Row{}.add(static_cast<std::uint32_t>(Kind::PvTables), kTables, 16, 2).bytes);
    ASSERT_TRUE(version);
    EXPECT_FALSE(version->fully_known());
    EXPECT_FALSE(version->get<abi::PvTables>(Kind::PvTables));
}

TEST(VcpuState, ShorterAndLongerContents) {
    const auto older = VcpuState::parse(Row{}.add(static_cast<std::uint32_t>(Kind::PvTables), kTables, 8).bytes);
    ASSERT_TRUE(older);
    EXPECT_EQ(older->get<abi::PvTables>(Kind::PvTables)->kernel, 7u);
    EXPECT_EQ(older->get<abi::PvTables>(Kind::PvTables)->user, 0u);
    const auto newer = VcpuState::parse(Row{}.add(Kind::PvTables, kDebug).bytes);
    ASSERT_TRUE(newer);
    EXPECT_EQ(newer->get<abi::PvTables>(Kind::PvTables)->user, 2u);
}

TEST(VcpuState, WhatARecordGrewByIsKnownAsLongAsItIsZero) {
    struct Grown {
        abi::PvTables known = kTables;
        std::uint64_t more = 0;
    };
    const auto nothing_new = VcpuState::parse(Row{}.add(Kind::PvTables, Grown{}).bytes);
    ASSERT_TRUE(nothing_new);
    EXPECT_TRUE(nothing_new->fully_known());
    const auto more = VcpuState::parse(Row{}.add(Kind::PvTables, Grown{.more = 1}).bytes);
    ASSERT_TRUE(more);
    EXPECT_FALSE(more->fully_known());
}

TEST(VcpuState, ListsAreKnownToTheirEnd) {
    const std::array<abi::PvTrap, 3> traps{{{.vector = 14, .flags = 0, .cs = 8, .reserved = 0, .address = 99}}};
    struct Fpu {
        abi::VcpuFpu header{.xcr0 = 3, .format = 0, .size = 16};
        std::array<std::uint64_t, 2> image{5, 6};
    };
    const auto state = VcpuState::parse(Row{}.add(Kind::PvTraps, traps).add(Kind::Fpu, Fpu{}).bytes);
    ASSERT_TRUE(state);
    EXPECT_TRUE(state->fully_known());
    Fpu cut;
    cut.header.size = 8;
    const auto longer = VcpuState::parse(Row{}.add(Kind::Fpu, cut).bytes);
    ASSERT_TRUE(longer);
    EXPECT_FALSE(longer->fully_known());
}

TEST(VcpuState, ContentsStayWhenTheStateMoves) {
    auto state = VcpuState::parse(Row{}.add(Kind::PvTables, kTables).bytes);
    ASSERT_TRUE(state);
    const VcpuState moved = std::move(*state);
    EXPECT_EQ(moved.get<abi::PvTables>(Kind::PvTables)->user, 9u);
}

TEST(VcpuState, EveryCutIsRefused) {
    const std::vector<std::byte> whole = Row{}.add(Kind::PvTables, kTables).add(0x7777u, kDebug, 13).bytes;
    const std::size_t first = abi::vcpu_record_size(sizeof kTables);
    for (std::size_t length = 1; length < whole.size(); ++length) {
        const auto cut = VcpuState::parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
        EXPECT_EQ(cut.has_value(), length == first) << length;
        if (!cut) {
            EXPECT_EQ(cut.error().code(), ErrorCode::Corrupt);
        }
    }
}

TEST(VcpuState, LengthsThatOverflowAndKindsThatComeTwiceAreRefused) {
    std::vector<std::byte> bytes = Row{}.add(Kind::PvTables, kTables).bytes;
    for (const std::uint64_t length :
         {~std::uint64_t{0}, ~std::uint64_t{0} - 8, ~std::uint64_t{0} - 23, std::uint64_t{17}}) {
        std::memcpy(bytes.data() + offsetof(abi::VcpuRecord, length), &length, sizeof length);
        EXPECT_FALSE(VcpuState::parse(bytes)) << length;
    }
    EXPECT_FALSE(VcpuState::parse(Row{}.add(Kind::Debug, kDebug).add(Kind::Debug, kDebug).bytes));
}

// From an hv that has more to say than there is room for at first.
TEST(VcpuState, IsAskedForAgainWithRoom) {
    FakeHv hv;
    struct Large {
        std::byte bytes[40'000];
    };
    static constexpr Large kLarge{};
    hv.vcpu_state = Row{}.add(Kind::PvTables, kTables).add(0x7777u, kLarge).bytes;
    const auto got = Control{hv}.vcpu_state(DomainId{5}, VcpuId{0});
    ASSERT_TRUE(got) << got.error().what();
    EXPECT_EQ(hv.state_calls, 2u);
    EXPECT_EQ(got->bytes().size(), hv.vcpu_state.size());
    EXPECT_EQ(got->get<abi::PvTables>(Kind::PvTables)->kernel, 7u);
}

}  // namespace
}  // namespace hvctl::test
