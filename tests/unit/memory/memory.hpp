// Every test of memory gives all of it back.
#pragma once

#include <gtest/gtest.h>

#include "hv/abi/control/control.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"
#include "tests/unit/fakes/machine.hpp"

class Memory : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        fake::dom0();
        fake::add_high_memory();
        free_before = hv::free_frame_count();
    }
    void TearDown() override {
        fake::preempt_every(0);
        fake::destroy_all();
        EXPECT_EQ(hv::free_frame_count(), free_before);
        EXPECT_EQ(hv::claimed_frame_count(), 0u);
    }
    static hv::Domain& domain(std::uint64_t max_frames) {
        hv::abi::control::CreateDomain config{};
        config.domain = hv::abi::control::kDomainAny;
        config.max_vcpus = 1;
        config.max_frames = max_frames;
        return fake::make_domain(config);
    }

    std::uint64_t free_before = 0;
};
