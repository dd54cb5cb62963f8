#include <gtest/gtest.h>

#include <numeric>

#include "fake_memory.hpp"
#include "hv/x86/acpi/fadt.hpp"
#include "hv/x86/acpi/madt.hpp"

namespace hv::x86 {
namespace {

void seal(std::vector<std::uint8_t>& bytes, std::size_t at, std::size_t length) {
    bytes[at] = 0;
    bytes[at] = static_cast<std::uint8_t>(
        -std::accumulate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length), 0));
}

std::vector<std::uint8_t> table(const std::string& signature, Bytes body) {
    Bytes all;
    all.text(signature).add32(static_cast<std::uint32_t>(36 + body.bytes().size())).fill_to(36);
    all.bytes().insert(all.bytes().end(), body.bytes().begin(), body.bytes().end());
    seal(all.bytes(), 9, all.bytes().size());
    return all.bytes();
}

std::vector<std::uint8_t> pointer(std::uint8_t revision, std::uint32_t rsdt, std::uint64_t xsdt) {
    Bytes bytes;
    bytes.text("RSD PTR ").add8(0).text("OEMOEM").add8(revision).add32(rsdt).add32(36).add64(xsdt).fill_to(36);
    seal(bytes.bytes(), 8, 20);
    seal(bytes.bytes(), 32, 36);
    return bytes.bytes();
}

FakeMemory machine() {
    FakeMemory memory;
    memory.put(0x40e, Bytes{}.add16(0x9fc0).bytes());
    memory.put(0x9fc00, std::vector<std::uint8_t>(1024));
    std::vector<std::uint8_t> bios(0x20000);
    const auto root = pointer(2, 0x1000, 0x2000);
    std::copy(root.begin(), root.end(), bios.begin() + 0x5430);
    memory.put(0xe0000, bios);
    memory.put(0x1000, table("RSDT", Bytes{}.add32(0x3000).add32(0x4000)));
    memory.put(0x2000, table("XSDT", Bytes{}.add64(0x3000).add64(0x4000).add64(0x5000)));
    memory.put(0x3000, table("FACP", Bytes{}.fill_to(208)));
    memory.put(0x4000, table("APIC", Bytes{}.add32(0xfee00000).add32(1)));
    memory.put(0x5000, table("HPET", Bytes{}.add32(0).add8(0).add8(64).add8(0).add8(0).add64(0xfed00000)));
    return memory;
}

TEST(Acpi, FindsTheRootAndTables) {
    const FakeMemory memory = machine();
    const auto root = find_acpi_root(memory, {});
    ASSERT_TRUE(root);
    EXPECT_TRUE(root->wide);
    EXPECT_EQ(root->address, 0x2000u);
    EXPECT_TRUE(find_acpi_table(memory, *root, "APIC"));
    EXPECT_EQ(parse_hpet(*find_acpi_table(memory, *root, "HPET")), 0xfed00000u);
    EXPECT_EQ(find_acpi_table(memory, *root, "MCFG").error(), Error::NoEntry);
    EXPECT_EQ(find_acpi_table(memory, *root, "APIC", 1).error(), Error::NoEntry);
}

TEST(Acpi, PrefersTheLoadersCopy) {
    const auto copy = pointer(0, 0x1000, 0);
    const auto root = find_acpi_root(machine(), copy);
    ASSERT_TRUE(root);
    EXPECT_FALSE(root->wide);
    EXPECT_EQ(root->address, 0x1000u);
}

TEST(Acpi, DamagedTablesAreRefused) {
    FakeMemory memory = machine();
    auto bytes = table("APIC", Bytes{}.add32(0).add32(0));
    bytes[40] ^= 1;
    memory.put(0x4000, bytes);
    const auto root = find_acpi_root(memory, {});
    EXPECT_EQ(find_acpi_table(memory, *root, "APIC").error(), Error::BadArgument);
    bytes = table("APIC", Bytes{});
    bytes[4] = 8;  // shorter than its header
    memory.put(0x4000, bytes);
    EXPECT_EQ(find_acpi_table(memory, *root, "APIC").error(), Error::BadArgument);
    bytes[4] = 0xff;
    bytes[5] = 0xff;  // longer than memory
    memory.put(0x4000, bytes);
    EXPECT_EQ(find_acpi_table(memory, *root, "APIC").error(), Error::BadArgument);
    EXPECT_FALSE(find_acpi_root(FakeMemory{}, {}));
}

TEST(Acpi, Madt) {
    Bytes body;
    body.add32(0xfee00000).add32(1);
    body.add8(0).add8(8).add8(0).add8(0).add32(1);                     // CPU 0
    body.add8(0).add8(8).add8(1).add8(2).add32(0);                     // disabled for good
    body.add8(0).add8(8).add8(2).add8(4).add32(2);                     // could come later
    body.add8(9).add8(16).add16(0).add32(300).add32(1).add32(7);       // x2APIC
    body.add8(9).add8(16).add16(0).add32(0).add32(1).add32(0);         // CPU 0 again
    body.add8(1).add8(12).add8(5).add8(0).add32(0xfec00000).add32(0);  // I/O APIC
    body.add8(2).add8(10).add8(0).add8(0).add32(2).add16(0);           // IRQ 0 -> 2
    body.add8(2).add8(10).add8(0).add8(9).add32(9).add16(0xf);         // IRQ 9 level, low
    body.add8(4).add8(6).add8(0xff).add16(0).add8(1);                  // NMI on LINT1
    body.add8(0x7f).add8(4).add16(0);                                  // unknown
    body.add8(1).add8(200);                                            // runs past the end
    const Madt madt = parse_madt(table("APIC", body));
    ASSERT_EQ(madt.cpus.size(), 3u);
    EXPECT_TRUE(madt.cpus[0].enabled);
    EXPECT_FALSE(madt.cpus[1].enabled);
    EXPECT_EQ(madt.cpus[2].apic_id, 300u);
    ASSERT_EQ(madt.io_apics.size(), 1u);
    EXPECT_EQ(madt.io_apics[0].address, 0xfec00000u);
    ASSERT_EQ(madt.overrides.size(), 2u);
    EXPECT_EQ(madt.overrides[0].gsi, 2u);
    EXPECT_TRUE(madt.overrides[1].level);
    EXPECT_TRUE(madt.overrides[1].active_low);
    ASSERT_EQ(madt.local_nmis.size(), 1u);
    EXPECT_EQ(madt.local_nmis[0].acpi_id, ~0u);
    EXPECT_TRUE(parse_madt({}).cpus.empty());
}

TEST(Acpi, Fadt) {
    Bytes body;
    body.fill_to(244 - 36);
    auto bytes = table("FACP", body);
    const auto set32 = [&bytes](std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
    bytes[46] = 9;
    set32(64, 0x604);
    set32(76, 0x608);
    set32(112, 1u << 8 | 1u << 10);
    bytes[116] = 1;
    bytes[117] = 8;
    set32(120, 0xcf9);
    bytes[128] = 0x0f;
    const Fadt fadt = parse_fadt(bytes);
    EXPECT_EQ(fadt.pm1a_control.address, 0x604u);
    EXPECT_FALSE(fadt.pm1b_control.present());
    EXPECT_EQ(fadt.pm_timer.address, 0x608u);
    EXPECT_TRUE(fadt.pm_timer_32_bits);
    EXPECT_EQ(fadt.reset.space, GenericAddress::Space::Io);
    EXPECT_EQ(fadt.reset.address, 0xcf9u);
    EXPECT_EQ(fadt.reset_value, 0x0f);
    EXPECT_FALSE(parse_fadt({}).reset.present());
}

TEST(Acpi, Mcfg) {
    const auto segments =
        parse_mcfg(table("MCFG", Bytes{}.add64(0).add64(0xb0000000).add16(0).add8(0).add8(255).add32(0).add32(1)));
    ASSERT_EQ(segments.size(), 1u);
    EXPECT_EQ(segments[0].address, 0xb0000000u);
    EXPECT_EQ(segments[0].last_bus, 255);
}

}  // namespace
}  // namespace hv::x86
