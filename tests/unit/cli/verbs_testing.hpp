// The verbs of hvctl against fake_daemon: what it knows, and the program run on it.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "fake_daemon.hpp"
#include "process.hpp"

namespace hvctl::cli::test {

inline constexpr std::uint64_t kMebibyte = 1024 * 1024;

inline Properties domain(const std::string& name, std::int64_t id, const std::string& state) {
    Properties properties = {{"name", name},
                             {"state", state},
                             {"memory", 128 * kMebibyte},
                             {"vcpus", std::int64_t{1}},
                             {"cpu_time", std::uint64_t{1'250'000'000}},
                             {"autostart", false}};
    if (id >= 0) properties["domid"] = id;
    return properties;
}

class VerbsTest : public testing::Test {
  protected:
    FakeDaemon daemon_;

    void SetUp() override {
        Properties dom0 = domain("Domain-0", 0, "running");
        dom0["memory"] = 1024 * kMebibyte;
        dom0["vcpus"] = std::int64_t{2};
        dom0["cpu_time"] = std::uint64_t{123'400'000'000};
        Properties hello = domain("hello", 3, "blocked");
        hello["autostart"] = true;
        daemon_.domains = {dom0, hello, domain("old", -1, "stopped")};
    }

    Outcome hvctl(const std::vector<std::string>& arguments, const std::string& input = "") const {
        return run_hvctl({.arguments = arguments, .input = input, .environment = {{"HVCTL_BUS", daemon_.address()}}});
    }
    std::string definition(const std::string& text) const {
        std::string path = (daemon_.directory() / "d.yaml").string();
        std::ofstream(path) << text;
        return path;
    }
    std::string last_call() {
        auto calls = daemon_.calls();
        return calls.empty() ? "" : calls.back();
    }
};

}  // namespace hvctl::cli::test
