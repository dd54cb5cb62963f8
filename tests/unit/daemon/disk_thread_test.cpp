// The loop waits for a disk that is well, and for no other.
#include "base/disk_thread.hpp"

#include <chrono>
#include <future>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace hvctld::test {
namespace {

TEST(DiskThread, AnswersWithinTheCallWhenTheDiskIsQuick) {
    Loop loop;
    DiskThread disk{loop};
    const auto loops_thread = std::this_thread::get_id();
    std::thread::id worked;
    bool done = false;
    disk.run(
        DiskThread::Wait::IfQuick, [&] { worked = std::this_thread::get_id(); },
        [&](const Result<void>& ran) {
            EXPECT_TRUE(ran);
            EXPECT_EQ(std::this_thread::get_id(), loops_thread);
            done = true;
        });
    while (!done) loop.run_once();  // a busy machine may be no quick disk
    EXPECT_NE(worked, loops_thread);
}

TEST(DiskThread, IsNotWaitedForWhenItDoesNotAnswer) {
    Loop loop;
    DiskThread disk{loop};
    std::promise<void> answer;
    std::vector<int> order;
    disk.run(
        DiskThread::Wait::IfQuick, [&] { answer.get_future().wait(); },
        [&](const Result<void>&) { order.push_back(1); });
    EXPECT_TRUE(order.empty());  // it came back without an answer
    disk.run(
        DiskThread::Wait::IfQuick, [] {}, [&](const Result<void>&) { order.push_back(2); });
    EXPECT_TRUE(order.empty());
    answer.set_value();
    while (order.size() < 2) loop.run_once();
    EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(DiskThread, SomebodyWhoAsksHearsOfAllThatWasBefore) {
    Loop loop;
    DiskThread disk{loop};
    std::promise<void> answer;
    std::vector<int> order;
    disk.run(
        DiskThread::Wait::IfQuick, [&] { answer.get_future().wait(); },
        [&](const Result<void>&) { order.push_back(1); });
    EXPECT_TRUE(order.empty());
    answer.set_value();
    disk.run(
        DiskThread::Wait::ForEver, [] {}, [&](const Result<void>&) { order.push_back(2); });
    EXPECT_EQ(order, (std::vector{1, 2}));
    for (int i = 0; i < 5; ++i) loop.run_once(false);
    EXPECT_EQ(order.size(), 2u);
}

TEST(DiskThread, WhatThrowsHasFailed) {
    Loop loop;
    DiskThread disk{loop};
    bool done = false;
    disk.run(
        DiskThread::Wait::IfQuick, [] { throw std::runtime_error{"of the disk"}; },
        [&](const Result<void>& ran) {
            ASSERT_FALSE(ran);
            EXPECT_NE(ran.error().message().find("of the disk"), std::string::npos) << ran.error().message();
            done = true;
        });
    while (!done) loop.run_once();
}

TEST(DiskThread, TellsNobodyWhenItHasGone) {
    Loop loop;
    std::promise<void> answer;
    bool told = false;
    {
        DiskThread disk{loop};
        disk.run(
            DiskThread::Wait::IfQuick, [&] { answer.get_future().wait(); }, [&](const Result<void>&) { told = true; });
        disk.run(
            DiskThread::Wait::IfQuick, [] {}, [&](const Result<void>&) { told = true; });
        answer.set_value();
    }
    for (int i = 0; i < 3; ++i) loop.run_once(false);
    EXPECT_FALSE(told);
}

}  // namespace
}  // namespace hvctld::test
