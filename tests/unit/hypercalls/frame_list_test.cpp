// The list of a domain's frames, in pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "hv/control/operation.hpp"
#include "hv/domain/domain.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

TEST(FrameList, GoesOnWhereItStopped) {
    fake::boot();
    fake::dom0();
    hv::Domain& domain = fake::make_domain(1);
    for (unsigned i = 0; i < 300; ++i) fake::give_page(domain);
    domain.paused_by_control = true;
    std::vector<std::uint64_t> frames(domain.frames + 1);
    hv::control::GetFrameList request{};
    request.frames = reinterpret_cast<std::uintptr_t>(frames.data());
    request.capacity = frames.size();
    std::vector<std::uint64_t> pfns(frames.size());
    request.pfns = reinterpret_cast<std::uintptr_t>(pfns.data());
    request.domain = domain.id.raw;
    fake::preempt_every(1);
    unsigned tries = 1;
    hv::Result<> listed;
    while (!(listed = hv::op_get_frame_list(request)) && listed.error() == hv::Error::Restart) ++tries;
    fake::preempt_every(0);
    ASSERT_TRUE(listed.has_value());
    EXPECT_GT(tries, 3u);
    EXPECT_EQ(request.count, domain.frames);
    frames.resize(request.count);
    for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(pfns[i], hv::m2p(hv::Mfn{frames[i]}));
    std::ranges::sort(frames);
    EXPECT_TRUE(std::ranges::adjacent_find(frames) == frames.end());
    EXPECT_EQ(request.next, 0u);
    fake::destroy_all();
}

}  // namespace
