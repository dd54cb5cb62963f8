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

std::uint64_t amount(const char* text, std::uint64_t total) {
    const auto options = parse(std::string{"dom0_mem="} + text);
    EXPECT_TRUE(options.dom0_memory.initial) << text;
    EXPECT_TRUE(complaints.empty()) << text;
    return options.dom0_memory.initial ? options.dom0_memory.initial->of(total) : 0;
}

TEST(CommandLine, Dom0MemoryAmounts) {
    constexpr std::uint64_t kTotal = 8ull << 30;
    EXPECT_EQ(amount("1G", kTotal), 1ull << 30);
    EXPECT_EQ(amount("16G", kTotal), 16ull << 30);
    EXPECT_EQ(amount("786432", kTotal), 768ull << 20);  // KiB
    EXPECT_EQ(amount("1073741824b", kTotal), 1ull << 30);
    EXPECT_EQ(amount("50%", kTotal), kTotal / 2);
    EXPECT_EQ(amount("25%", 4003), 1000u);
    EXPECT_EQ(amount("1G+25%", kTotal), 3ull << 30);
    EXPECT_EQ(amount("25%+1G", kTotal), 3ull << 30);
    EXPECT_EQ(amount("-512M", kTotal), kTotal - (512ull << 20));
    EXPECT_EQ(amount("-25%", kTotal), kTotal / 4 * 3);
    EXPECT_EQ(amount("-1G+25%", kTotal), 5ull << 30);
    EXPECT_EQ(amount("-9G", kTotal), 0u);
    EXPECT_EQ(amount("16777215T+100%", kTotal), (16777215ull << 40) + kTotal);
    EXPECT_EQ(amount("16777215T+100%", 2ull << 40), ~0ull);
}

TEST(CommandLine, Dom0MemoryLists) {
    auto memory = parse("dom0_mem=512M,max:2G,min:256M").dom0_memory;
    EXPECT_EQ(memory.initial->bytes, 512ull << 20);
    EXPECT_EQ(memory.most->bytes, 2ull << 30);
    EXPECT_EQ(memory.least->bytes, 256ull << 20);
    memory = parse("dom0_mem=max:25%").dom0_memory;
    EXPECT_FALSE(memory.initial || memory.least);
    EXPECT_EQ(memory.most->of(4000), 1000u);
    memory = parse("dom0_mem=min:1G dom0_mem=max:-1G").dom0_memory;
    EXPECT_FALSE(memory.initial);
    EXPECT_EQ(memory.least->bytes, 1ull << 30);
    EXPECT_TRUE(memory.most->all_but);
    EXPECT_EQ(parse("dom0_mem=1G,2G").dom0_memory.initial->bytes, 2ull << 30);
    EXPECT_TRUE(complaints.empty());
}

// Not a word of a malformed value counts, and none of what was right before is lost.
TEST(CommandLine, Dom0MemoryMalformed) {
    for (const char* bad : {"1Q",     "",     "max:",     "min:",     "0",       "0%",       "101%",
                            "max:0",  "1G+",  "+25%",     "1G+1G",    "25%+25%", "--1G",     "-",
                            "1G-25%", "1.5G", "1G,max:x", "max:2G,,", "1GiB",    "least:1G", "99999999999T"}) {
        const auto memory = parse(std::string{"dom0_mem=min:64M dom0_mem="} + bad).dom0_memory;
        EXPECT_FALSE(memory.initial) << bad;
        EXPECT_FALSE(memory.most) << bad;
        EXPECT_EQ(memory.least->bytes, 64ull << 20) << bad;
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
    auto options =
        parse("loglvl=all guest_loglvl=error/warning noreboot watchdog nosmp x2apic=off measure_interrupts_off");
    EXPECT_EQ(options.log_level.always, 4);
    EXPECT_EQ(options.guest_log_level.always, 1);
    EXPECT_EQ(options.guest_log_level.limited, 2);
    EXPECT_TRUE(options.no_reboot);
    EXPECT_TRUE(options.watchdog);
    EXPECT_TRUE(options.measure_interrupts_off);
    EXPECT_FALSE(options.linear_tables);
    EXPECT_TRUE(parse("pv-linear-pt").linear_tables);
    EXPECT_EQ(options.max_cpus, 1u);
    EXPECT_FALSE(options.x2apic);
    options = parse("noreboot=0 watchdog=no maxcpus=3 no-smap");
    EXPECT_FALSE(options.no_reboot);
    EXPECT_FALSE(options.watchdog);
    EXPECT_EQ(options.max_cpus, 3u);
    EXPECT_FALSE(options.smap);
    EXPECT_TRUE(complaints.empty());
}

TEST(CommandLine, Leaks) {
    const auto options = parse("xpti=no-dom0 no-smt no-pv-l1tf spec-ctrl=ibrs,ibsr,verw=no-pv");
    EXPECT_EQ(options.leaks.isolate_dom0, Choice{false});
    EXPECT_EQ(options.leaks.siblings, Choice{false});
    EXPECT_EQ(options.leaks.l1tf_domu, Choice{false});
    EXPECT_EQ(options.leaks.ibrs, Choice{true});
    EXPECT_EQ(options.leaks.verw.pv, Choice{false});
    ASSERT_EQ(complaints.size(), 1u);
    EXPECT_EQ(complaints[0], "ibsr");
}

TEST(CommandLine, Microcode) {
    EXPECT_EQ(parse("ucode=2").microcode.module, 2);
    EXPECT_EQ(parse("ucode=-1,scan").microcode.module, -1);
    EXPECT_TRUE(parse("ucode=scan").microcode.scan && !parse("ucode=scan").microcode.module);
    EXPECT_FALSE(parse("ucode=scan ucode=no-scan").microcode.scan);
    parse("ucode=scan=yes,nmi=off,allow-same=no,3");
    EXPECT_TRUE(complaints.empty());
    for (const char* wrong : {"early", "scan=maybe", "--1", "1x", "", "allow-same", "99999999999"}) {
        EXPECT_FALSE(parse(std::string{"ucode="} + wrong).microcode.module) << wrong;
        EXPECT_EQ(complaints.size(), 1u) << wrong;
    }
}

TEST(CommandLine, AnEmptyValueIsNone) {
    for (const char* wrong : {"smt=", "xpti=", "noreboot=", "x2apic=", "reboot=", "spec-ctrl=", "watchdog=",
                              "sched-gran=", "no-smt=", "pv-l1tf="}) {
        parse(wrong);
        EXPECT_EQ(complaints.size(), 1u) << wrong;
    }
    EXPECT_FALSE(parse("noreboot=").no_reboot);
    EXPECT_TRUE(parse("noreboot").no_reboot);
    // Of a list, the others count.
    EXPECT_EQ(parse("xpti=domu=off,dom0=").leaks.isolate_domu, Choice{false});
    EXPECT_EQ(complaints, std::vector<std::string>{"dom0="});
}

TEST(CommandLine, WaysToReboot) {
    EXPECT_EQ(parse("reboot=k").reboot_method, "k");
    EXPECT_EQ(parse("reboot=triple").reboot_method, "triple");
    EXPECT_TRUE(complaints.empty());
    EXPECT_EQ(parse("reboot=typo").reboot_method, "");
    EXPECT_EQ(complaints, std::vector<std::string>{"reboot=typo"});
}

TEST(CommandLine, SchedulingGranularity) {
    parse("sched-gran=cpu");
    EXPECT_TRUE(complaints.empty());
    parse("sched-gran=core");
    EXPECT_EQ(complaints, std::vector<std::string>{"core"});
}

TEST(CommandLine, SaysWhatItDoesNotKnow) {
    parse("  /boot/hv placeholder no-real-mode edd=off  frobnicate=1 maxcpus=0 ");
    ASSERT_EQ(complaints.size(), 2u);
    EXPECT_EQ(complaints[0], "frobnicate=1");
    EXPECT_EQ(complaints[1], "maxcpus=0");
}

}  // namespace
}  // namespace hv::x86
