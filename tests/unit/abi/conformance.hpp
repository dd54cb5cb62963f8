// What the conformance tests share: Xen's public headers at their newest interface version, and three comparisons.
#pragma once

#define __XEN_TOOLS__ 1  // selects the newest interface version

#include <cstddef>
#include <cstdint>
#include <utility>

extern "C" {
#include <xen/xen.h>
}

#include <gtest/gtest.h>

#define EXPECT_SAME_SIZE(ours, theirs) EXPECT_EQ(sizeof(ours), sizeof(theirs)) << #ours " is not " #theirs
#define EXPECT_SAME_OFFSET(ours, our_field, theirs, their_field)                                  \
    EXPECT_EQ(offsetof(ours, our_field), offsetof(theirs, their_field)) << #ours "::" #our_field; \
    EXPECT_EQ(sizeof(std::declval<ours>().our_field), sizeof(std::declval<theirs>().their_field)) \
        << #ours "::" #our_field
#define EXPECT_SAME_VALUE(ours, theirs) \
    EXPECT_EQ(static_cast<std::int64_t>(ours), static_cast<std::int64_t>(theirs)) << #ours " is not " #theirs
