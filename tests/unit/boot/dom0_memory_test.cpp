#include <gtest/gtest.h>

#include <string>

#include "hv/x86/dom0/dom0_memory_plan.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kMebibyte = 256, kGibibyte = 1024 * kMebibyte;  // in frames
constexpr std::uint64_t kNeeded = 100 * kMebibyte;
using Remark = Dom0MemoryPlan::Remark;

Dom0MemoryPlan plan(const std::string& options, std::uint64_t available = 8 * kGibibyte) {
    const BootOptions parsed = parse_command_line(options, [](std::string_view, std::string_view) {});
    const Result<Dom0MemoryPlan> result = plan_dom0_memory(parsed.dom0_memory, available, kNeeded);
    EXPECT_TRUE(result) << options;
    const Dom0MemoryPlan chosen = result.value_or(Dom0MemoryPlan{});
    EXPECT_LE(chosen.frames, chosen.max_frames) << options;
    EXPECT_LT(chosen.max_frames, available) << options;
    EXPECT_GE(chosen.frames, kNeeded) << options;
    return chosen;
}

TEST(Dom0Memory, WithoutAWordMostOfTheMachineIsForGuests) {
    EXPECT_EQ(plan("").frames, kGibibyte + kGibibyte / 2);
    EXPECT_EQ(plan("", 2 * kGibibyte).frames, kGibibyte + 128 * kMebibyte);
    EXPECT_EQ(plan("", kGibibyte).frames, 768 * kMebibyte);
    EXPECT_EQ(plan("", 128 * kMebibyte).frames, kNeeded);
    EXPECT_EQ(plan("", 1024 * kGibibyte).frames, 8 * kGibibyte);
    EXPECT_EQ(plan("").max_frames, plan("").frames);
    EXPECT_EQ(plan("").remark, Remark::AsAsked);
}

TEST(Dom0Memory, MalformedIsAsIfNotGiven) {
    for (const char* bad : {"dom0_mem=", "dom0_mem=1Q", "dom0_mem=1G,max:oops", "dom0_mem=0", "dom0_mem=max:0"})
        EXPECT_EQ(plan(bad).frames, plan("").frames) << bad;
}

TEST(Dom0Memory, ExactAmountsAreTheMaximumToo) {
    for (const char* one : {"dom0_mem=1G", "dom0_mem=1048576", "dom0_mem=12%+62914b", "dom0_mem=-7G"}) {
        const Dom0MemoryPlan chosen = plan(one);
        EXPECT_NEAR(static_cast<double>(chosen.frames), kGibibyte, 0.05 * kGibibyte) << one;
        EXPECT_EQ(chosen.max_frames, chosen.frames) << one;
        EXPECT_EQ(chosen.remark, Remark::AsAsked) << one;
    }
}

TEST(Dom0Memory, MaxIsWhatItMayGrowTo) {
    Dom0MemoryPlan chosen = plan("dom0_mem=768M,max:1G");
    EXPECT_EQ(chosen.frames, 768 * kMebibyte);
    EXPECT_EQ(chosen.max_frames, kGibibyte);
    chosen = plan("dom0_mem=max:50% dom0_mem=256M");
    EXPECT_EQ(chosen.frames, 256 * kMebibyte);
    EXPECT_EQ(chosen.max_frames, 4 * kGibibyte);
    // Words apart: never all of the machine.
    chosen = plan("dom0_mem=min:1G,max:1G");
    EXPECT_EQ(chosen.frames, kGibibyte);
    EXPECT_EQ(chosen.max_frames, kGibibyte);
    chosen = plan("dom0_mem=min:512M dom0_mem=max:2G", 64 * kGibibyte);
    EXPECT_EQ(chosen.frames, 2 * kGibibyte);
    EXPECT_EQ(chosen.max_frames, 2 * kGibibyte);
    chosen = plan("dom0_mem=min:4G");
    EXPECT_EQ(chosen.frames, 4 * kGibibyte);
    EXPECT_EQ(chosen.max_frames, 4 * kGibibyte);
    // The maximum wins over the others.
    EXPECT_EQ(plan("dom0_mem=2G,max:1G").frames, kGibibyte);
    EXPECT_EQ(plan("dom0_mem=min:2G,max:1G").frames, kGibibyte);
    EXPECT_EQ(plan("dom0_mem=1G,max:512G").max_frames, 8 * kGibibyte - 128 * kMebibyte);
}

TEST(Dom0Memory, TooMuchIsCutAndSaid) {
    for (const char* large :
         {"dom0_mem=64G", "dom0_mem=100%", "dom0_mem=8G", "dom0_mem=min:64G", "dom0_mem=16777215T"}) {
        const Dom0MemoryPlan chosen = plan(large);
        EXPECT_EQ(chosen.frames, 8 * kGibibyte - 128 * kMebibyte) << large;
        EXPECT_EQ(chosen.remark, Remark::Cut) << large;
    }
    // With a maximum alone, Dom0 takes what is there.
    EXPECT_EQ(plan("dom0_mem=max:64G").remark, Remark::AsAsked);
}

TEST(Dom0Memory, TooLittleIsTheDefaultAndSaid) {
    for (const char* small : {"dom0_mem=1", "dom0_mem=512", "dom0_mem=99M", "dom0_mem=-8G", "dom0_mem=-100%",
                              "dom0_mem=max:64M", "dom0_mem=1G,max:1M"}) {
        const Dom0MemoryPlan chosen = plan(small);
        EXPECT_EQ(chosen.frames, plan("").frames) << small;
        EXPECT_EQ(chosen.remark, Remark::TooLittle) << small;
    }
    EXPECT_EQ(plan("dom0_mem=100M").frames, kNeeded);
}

TEST(Dom0Memory, AMachineThatIsTooSmallIsRefused) {
    const BootOptions none;
    EXPECT_FALSE(plan_dom0_memory(none.dom0_memory, kNeeded, kNeeded));
    EXPECT_FALSE(plan_dom0_memory(none.dom0_memory, 0, kNeeded));
}

TEST(Dom0Memory, TheNeedIsThatOfKernelAndRamDisk) {
    KernelImage kernel;
    kernel.virt_base = 0xffff'ffff'8000'0000;
    kernel.start = kernel.virt_base + (16 << 20);
    kernel.end = kernel.virt_base + (64 << 20);
    kernel.init_p2m = 0x80'0000'0000;
    kernel.initrd_by_frame = true;
    const std::uint64_t alone = dom0_frames_needed(kernel, 0, 1024 * kGibibyte).value_or(0);
    EXPECT_GE(alone, 64 * kMebibyte);
    EXPECT_LT(alone, 72 * kMebibyte);
    const std::uint64_t with_disk = dom0_frames_needed(kernel, 30 << 20, 1024 * kGibibyte).value_or(0);
    EXPECT_GE(with_disk, alone + 120 * kMebibyte);
    EXPECT_LT(with_disk, alone + 180 * kMebibyte);
    EXPECT_TRUE(plan_layout(kernel, 30 << 20, with_disk));
    EXPECT_TRUE(plan_layout(kernel, 0, alone));
    EXPECT_FALSE(dom0_frames_needed(kernel, 0, 32 * kMebibyte));
}

}  // namespace
}  // namespace hv::x86
