#include "hv/x86/boot/command_line.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hv::x86 {
namespace {

std::vector<std::string> complaints;

BootOptions parse(std::string_view text) {
    complaints.clear();
    return parse_command_line(text, [](std::string_view option, std::string_view) { complaints.emplace_back(option); });
}

TEST(CommandLine, Sizes) {
    EXPECT_EQ(parse_size("512M"), 512ull << 20);
    EXPECT_EQ(parse_size("2g"), 2ull << 30);
    EXPECT_EQ(parse_size("100"), 100ull << 10);
    EXPECT_EQ(parse_size("77B"), 77u);
    EXPECT_EQ(parse_size("0x1000k"), std::nullopt);
    EXPECT_EQ(parse_size("1T"), 1ull << 40);
    EXPECT_EQ(parse_size(""), std::nullopt);
    EXPECT_EQ(parse_size("M"), std::nullopt);
    EXPECT_EQ(parse_size("12x"), std::nullopt);
    EXPECT_EQ(parse_size("18446744073709551615"), std::nullopt);
    EXPECT_EQ(parse_size("99999999999999999999T"), std::nullopt);
}

TEST(CommandLine, Dom0Memory) {
    auto options = parse("dom0_mem=1G");
    EXPECT_EQ(options.dom0_memory->of(8ull << 30), 1ull << 30);
    EXPECT_EQ(options.dom0_memory->of(1ull << 29), 1ull << 29);
    options = parse("dom0_mem=512M,max:2G,min:256M");
    EXPECT_EQ(options.dom0_memory->bytes, 512ull << 20);
    EXPECT_EQ(options.dom0_memory_max->bytes, 2ull << 30);
    EXPECT_EQ(options.dom0_memory_min->bytes, 256ull << 20);
    options = parse("dom0_mem=-512M");
    EXPECT_EQ(options.dom0_memory->of(2ull << 30), (2ull << 30) - (512ull << 20));
    EXPECT_EQ(options.dom0_memory->of(1ull << 20), 0u);
    options = parse("dom0_mem=max:25%");
    EXPECT_FALSE(options.dom0_memory);
    EXPECT_EQ(options.dom0_memory_max->of(4000), 1000u);
    EXPECT_TRUE(complaints.empty());
    for (const char* bad : {"dom0_mem=1Q", "dom0_mem=max:", "dom0_mem=0", "dom0_mem=101%"}) {
        EXPECT_FALSE(parse(bad).dom0_memory_max) << bad;
        EXPECT_EQ(complaints.size(), 1u) << bad;
    }
}

TEST(CommandLine, Dom0Vcpus) {
    EXPECT_EQ(parse("dom0_max_vcpus=4").dom0_vcpus_max, 4u);
    auto options = parse("dom0_max_vcpus=2-8 dom0_vcpus_pin");
    EXPECT_EQ(options.dom0_vcpus_min, 2u);
    EXPECT_EQ(options.dom0_vcpus_max, 8u);
    EXPECT_TRUE(options.dom0_vcpus_pin);
    EXPECT_EQ(parse("dom0_max_vcpus=2-").dom0_vcpus_min, 2u);
    EXPECT_EQ(parse("dom0_max_vcpus=-3").dom0_vcpus_max, 3u);
    for (const char* bad : {"dom0_max_vcpus=0", "dom0_max_vcpus=9-2", "dom0_max_vcpus=x", "dom0_max_vcpus=1000"}) {
        EXPECT_EQ(parse(bad).dom0_vcpus_max, 0u) << bad;
        EXPECT_EQ(complaints.size(), 1u) << bad;
    }
}

TEST(CommandLine, Serial) {
    const auto options = parse("com1=115200,8n1 com2=9600,7e2,0x2e8,5 console=com1,vga");
    EXPECT_EQ(options.serial[0].baud, 115200u);
    EXPECT_TRUE(options.serial[0].wanted);
    EXPECT_EQ(options.serial[1].baud, 9600u);
    EXPECT_EQ(options.serial[1].data_bits, 7);
    EXPECT_EQ(options.serial[1].parity, 'e');
    EXPECT_EQ(options.serial[1].stop_bits, 2);
    EXPECT_EQ(options.serial[1].io_base, 0x2e8);
    EXPECT_EQ(options.serial[1].irq, 5);
    EXPECT_TRUE(options.console_serial[0]);
    EXPECT_FALSE(options.console_serial[1]);
    EXPECT_TRUE(options.console_vga);
    EXPECT_TRUE(complaints.empty());
    EXPECT_EQ(parse("com1=auto").serial[0].baud, 0u);
    EXPECT_FALSE(parse("console=com1").console_vga);
    EXPECT_TRUE(parse("").console_vga);
    parse("com1=115200,9n1 com2=0 console=tty");
    EXPECT_EQ(complaints.size(), 3u);
}

TEST(CommandLine, LevelsAndSwitches) {
    auto options = parse("loglvl=all guest_loglvl=error/warning noreboot watchdog nosmp x2apic=off");
    EXPECT_EQ(options.log_level.always, 4);
    EXPECT_EQ(options.guest_log_level.always, 1);
    EXPECT_EQ(options.guest_log_level.limited, 2);
    EXPECT_TRUE(options.no_reboot);
    EXPECT_TRUE(options.watchdog);
    EXPECT_EQ(options.max_cpus, 1u);
    EXPECT_FALSE(options.x2apic);
    options = parse("noreboot=0 watchdog=no maxcpus=3 no-smap");
    EXPECT_FALSE(options.no_reboot);
    EXPECT_FALSE(options.watchdog);
    EXPECT_EQ(options.max_cpus, 3u);
    EXPECT_FALSE(options.smap);
    EXPECT_TRUE(complaints.empty());
}

TEST(CommandLine, SaysWhatItDoesNotKnow) {
    parse("  /boot/hv placeholder no-real-mode edd=off  frobnicate=1 maxcpus=0 ");
    ASSERT_EQ(complaints.size(), 2u);
    EXPECT_EQ(complaints[0], "frobnicate=1");
    EXPECT_EQ(complaints[1], "maxcpus=0");
}

}  // namespace
}  // namespace hv::x86
