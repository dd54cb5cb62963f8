#include "config/parser.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "config/settings.hpp"
#include "config/yaml_tree.hpp"

namespace hvctld::config {
namespace {

constexpr const char* kGood = "name: web1\nmemory: 256MiB\nkernel: /boot/vmlinuz\n";

struct Parse {
    Diagnostics diagnostics;
    DomainDefinition definition;
    explicit Parse(std::string_view text, std::vector<std::string> overrides = {})
        : definition{parse_definition(text, "web1.yaml", overrides, {}, diagnostics)} {}
};

std::string errors(std::string_view text, std::vector<std::string> overrides = {}) {
    return Parse{text, std::move(overrides)}.diagnostics.text();
}

std::string with(std::string_view more) {
    return std::string{kGood} + std::string{more};
}

TEST(Parser, Defaults) {
    const Parse parse{kGood};
    EXPECT_EQ(parse.diagnostics.text(), "");
    const DomainDefinition& d = parse.definition;
    EXPECT_EQ(d.name, "web1");
    EXPECT_EQ(d.memory, 256ull << 20);
    EXPECT_EQ(d.max_memory, d.memory);
    EXPECT_EQ(d.vcpus, 1u);
    EXPECT_EQ(d.max_vcpus, 1u);
    EXPECT_EQ(d.on_poweroff, EndAction::Destroy);
    EXPECT_EQ(d.on_reboot, EndAction::Restart);
    EXPECT_FALSE(d.autostart);
    EXPECT_FALSE(d.pv_linear_page_tables);
}

TEST(Parser, EverythingAndBackAgain) {
    const Parse parse{R"(
name: web1
uuid: 6FA0C2F4-90ab-4c5e-8d07-1d2e3f405162
type: pv
memory: 256MiB
max_memory: 1GiB
vcpus: 2
max_vcpus: 4
cpus: ["0-3,^2", all]
cpus_soft: 1,3
cpu_weight: 512
cpu_cap: 150%
cpu_reservation: 50%
kernel: /boot/vmlinuz
initrd: /boot/initrd.img
cmdline: console=hvc0 root=/dev/xvda ro
disks:
  - {target: xvda, path: /srv/web1.img, format: raw, mode: ro}
disk_limits: {iops: 2000, bandwidth: 100MiB/s, burst: 90s}
nics:
  - {bridge: hvbr0, mac: 00:16:3e:00:00:01, addresses: [192.0.2.10/24, "2001:db8::10/64"], gateways: [192.0.2.1, "2001:db8::1"], nameservers: [192.0.2.53], rate: 100Mbit/s, transfer_quota: 1TiB, over_quota: 1Mbit/s}
on_poweroff: preserve
on_reboot: destroy
on_crash: coredump-restart
on_watchdog: coredump-destroy
restart: {max: 3, window: 10min}
autostart: true
max_grant_frames: 32
pv_linear_page_tables: true
xenstore_quota: {nodes: 500, watches: 64}
)"};
    ASSERT_EQ(parse.diagnostics.text(), "");
    EXPECT_EQ(parse.definition.uuid, "6fa0c2f4-90ab-4c5e-8d07-1d2e3f405162");
    EXPECT_EQ(parse.definition.cpus.at(0).cpus, (std::vector<std::uint32_t>{0, 1, 3}));
    EXPECT_TRUE(parse.definition.cpus.at(1).all);
    EXPECT_EQ(parse.definition.nics.at(0).rate_bits, 100'000'000u);
    EXPECT_TRUE(parse.definition.disks.at(0).read_only);
    EXPECT_EQ(parse.definition.restart.window_seconds, 600u);
    EXPECT_TRUE(parse.definition.pv_linear_page_tables);

    // The normalised form is a domain file that says the same.
    const std::string once = normalised(parse.definition);
    const Parse again{once};
    EXPECT_EQ(again.diagnostics.text(), "") << once;
    EXPECT_EQ(normalised(again.definition), once);
}

// A watchdog is a crash, unless something says otherwise.
TEST(Parser, WatchdogsDefault) {
    const auto watchdog = [](const char* more, const DomainDefaults& defaults) {
        Diagnostics diagnostics;
        const auto definition = parse_definition(std::string{kGood} + more, "web1.yaml", {}, defaults, diagnostics);
        EXPECT_EQ(diagnostics.text(), "");
        return definition.on_watchdog;
    };
    DomainDefaults defaults;
    EXPECT_EQ(watchdog("", defaults), EndAction::Restart);
    EXPECT_EQ(watchdog("on_crash: preserve\n", defaults), EndAction::Preserve);
    EXPECT_EQ(watchdog("on_crash: preserve\non_watchdog: destroy\n", defaults), EndAction::Destroy);
    defaults.on_watchdog = EndAction::CoredumpRestart;
    EXPECT_EQ(watchdog("on_crash: preserve\n", defaults), EndAction::CoredumpRestart);
}

struct Golden {
    const char* what;
    std::string text;
    const char* message;
};

class ParserMessage : public testing::TestWithParam<Golden> {};

TEST_P(ParserMessage, IsExactly) {
    EXPECT_EQ(errors(GetParam().text), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, ParserMessage,
    testing::Values(
        Golden{"UnknownKey", with("memmory: 1GiB\n"),
               "web1.yaml:4:1: unknown key \"memmory\" in a domain; did you mean \"memory\"?"},
        Golden{"XlStyleKey", with("on-crash: destroy\n"),
               "web1.yaml:4:1: unknown key \"on-crash\" in a domain; did you mean \"on_crash\"?"},
        Golden{"UnknownFarKey", with("zzzzzz: 1\n"), "web1.yaml:4:1: unknown key \"zzzzzz\" in a domain"},
        Golden{"DuplicateKey", with("memory: 1GiB\n"),
               "web1.yaml:4:1: the key \"memory\" is already set at web1.yaml:2:1"},
        Golden{"NoUnit", "name: a\nkernel: /k\nmemory: 256\n",
               "web1.yaml:3:9: memory: the size 256 has no unit; write 256MiB, or KiB, GiB, TiB, as it is meant"},
        Golden{
            "WrongUnit", "name: a\nkernel: /k\nmemory: 256MB\n",
            "web1.yaml:3:9: memory: \"MB\" is not a unit of size; write B, KiB, MiB, GiB or TiB (1KiB is 1024 bytes)"},
        Golden{"TooLittleMemory", "name: a\nkernel: /k\nmemory: 8KiB\n",
               "web1.yaml:3:9: memory: 8KiB is out of range; it must be 4MiB to 16TiB"},
        Golden{"OddMemory", "name: a\nkernel: /k\nmemory: 8388609B\n",
               "web1.yaml:3:9: memory: 8388609B is not a multiple of 4KiB"},
        Golden{"HugeMemory", "name: a\nkernel: /k\nmemory: 99999999999999TiB\n",
               "web1.yaml:3:9: memory: 99999999999999TiB does not fit in 64 bits"},
        Golden{"MaxBelowMemory", with("max_memory: 128MiB\n"),
               "web1.yaml:4:13: max_memory: 128MiB is less than memory, which is 256MiB"},
        Golden{"TooManyVcpus", with("vcpus: 129\n"), "web1.yaml:4:8: vcpus: 129 is out of range; it must be 1 to 128"},
        Golden{"TooManyVcpusLater", with("max_vcpus: 512\n"),
               "web1.yaml:4:12: max_vcpus: 512 is out of range; it must be 1 to 128"},
        Golden{"NoVcpus", with("vcpus: 0\n"), "web1.yaml:4:8: vcpus: 0 is out of range; it must be 1 to 128"},
        Golden{"NegativeVcpus", with("vcpus: -1\n"), "web1.yaml:4:8: vcpus: \"-1\" is not a whole number"},
        Golden{"MaxVcpus", with("vcpus: 4\nmax_vcpus: 2\n"),
               "web1.yaml:5:12: max_vcpus: 2 is less than vcpus, which is 4"},
        Golden{"BackwardCpus", with("cpus: 3-1\n"),
               "web1.yaml:4:7: cpus: \"3-1\" is not a list of CPUs such as 0-3,^2: the range 3-1 runs backwards"},
        Golden{"NoCpuLeft", with("cpus: \"2,^2\"\n"), "web1.yaml:4:7: cpus: \"2,^2\" leaves no CPU"},
        Golden{"CapUnit", with("cpu_cap: 50\n"),
               "web1.yaml:4:10: cpu_cap: \"50\" is not a share; write for example 150% for one and a half CPUs"},
        Golden{"ReservationAboveCap", with("cpu_cap: 50%\ncpu_reservation: 60%\n"),
               "web1.yaml:5:18: cpu_reservation: 60% is more than cpu_cap, which is 50%"},
        Golden{"FewRequests", with("disk_limits: {iops: 5}\n"),
               "web1.yaml:4:21: iops: 5 is out of range; it must be 10 to 100000000"},
        Golden{"BandwidthUnit", with("disk_limits: {bandwidth: 100MiB}\n"),
               "web1.yaml:4:26: bandwidth: \"100MiB\" is not a bandwidth; write for example 100MiB/s, or none"},
        Golden{"LittleBandwidth", with("disk_limits: {bandwidth: 4KiB/s}\n"),
               "web1.yaml:4:26: bandwidth: 4KiB/s is out of range; it must be 1MiB/s to 1TiB/s"},
        Golden{"BurstAlone", with("disk_limits: {burst: 5s}\n"),
               "web1.yaml:4:22: burst: there is no limit to go beyond; write iops or bandwidth, too"},
        Golden{"Action", with("on_crash: restrat\n"),
               "web1.yaml:4:11: on_crash: \"restrat\" is not one of destroy, restart, preserve, coredump-destroy, "
               "coredump-restart, rename-restart; did you mean "
               "\"restart\"?"},
        Golden{"Boolean", with("autostart: yes\n"),
               "web1.yaml:4:12: autostart: \"yes\" is neither true nor false; write true"},
        Golden{"NumberName", "name: 12\nmemory: 8MiB\nkernel: /k\n",
               "web1.yaml:1:7: \"12\" cannot be a name: digits alone would be a domain identifier"},
        Golden{"SlashName", "name: a/b\nmemory: 8MiB\nkernel: /k\n",
               "web1.yaml:1:7: \"a/b\" is not a name: letters, digits, '.', '_', '-' and '+' make one"},
        Golden{"DotName", "name: ..\nmemory: 8MiB\nkernel: /k\n", "web1.yaml:1:7: a name cannot begin with '.'"},
        Golden{"Dom0Name", "name: Domain-0\nmemory: 8MiB\nkernel: /k\n",
               "web1.yaml:1:7: Domain-0 is the host's own domain"},
        Golden{"RelativeKernel", "name: a\nmemory: 8MiB\nkernel: vmlinuz\n",
               "web1.yaml:3:9: kernel: \"vmlinuz\" is not an absolute path"},
        Golden{"MapAsValue", with("cmdline: {a: b}\n"), "web1.yaml:4:10: cmdline must be a value, not a map"},
        Golden{"Nothing", with("initrd:\n"), "web1.yaml:4:1: initrd must be a value, not nothing"},
        Golden{"DiskTarget", with("disks: [{target: floppy, path: /x}]\n"),
               "web1.yaml:4:18: target: \"floppy\" is not a disk such as xvda"},
        Golden{"DiskTwice", with("disks: [{target: xvda, path: /x}, {target: xvda, path: /y}]\n"),
               "web1.yaml:4:44: target: xvda is used twice"},
        Golden{"DiskKey", with("disks: [{target: xvda, path: /x, fromat: raw}]\n"),
               "web1.yaml:4:34: unknown key \"fromat\" in a disk; did you mean \"format\"?"},
        Golden{"DiskShared", with("disks: [{target: xvda, path: /x, format: qcow2, shared: true}]\n"),
               "web1.yaml:4:57: shared: two that write to one qcow2 image destroy it; use a raw one or mode: ro"},
        Golden{"DiskOnFull", with("disks: [{target: xvda, path: /x, on_full: puase}]\n"),
               "web1.yaml:4:43: on_full: \"puase\" is not one of pause, error; did you mean \"pause\"?"},
        Golden{"Vlan", with("nics: [{bridge: b, vlan: 4095}]\n"),
               "web1.yaml:4:26: vlan: 4095 is out of range; it must be 1 to 4094"},
        Golden{"NoKey", with("disks: [{target: xvda, path: /x, format: luks}]\n"),
               "web1.yaml:4:9: key_file: a luks image needs the file that its key is in"},
        Golden{"KeyOfNothing", with("disks: [{target: xvda, path: /x, key_file: /k}]\n"),
               "web1.yaml:4:44: key_file: a raw image has no key; write format: luks"},
        Golden{"Gateway", with("nics: [{bridge: b, gateways: [192.0.2.0/24]}]\n"),
               "web1.yaml:4:31: gateways: \"192.0.2.0/24\" is not the address of a host, such as 192.0.2.1"},
        Golden{"Gateways", with("nics: [{bridge: b, gateways: [192.0.2.1, 192.0.2.2]}]\n"),
               "web1.yaml:4:30: gateways: one of IPv4 and one of IPv6 at most"},
        Golden{"Hook", with("nics: [{bridge: b, hook: vif-route}]\n"),
               "web1.yaml:4:26: hook: \"vif-route\" is not an absolute path"},
        Golden{"HookOfXl", with("nics: [{bridge: b, script: /x}]\n"),
               "web1.yaml:4:20: unknown key \"script\" in a nic; did you mean \"hook\"?"},
        Golden{"Mac", with("nics: [{bridge: b, mac: 01:00:00:00:00:01}]\n"),
               "web1.yaml:4:25: mac: 01:00:00:00:00:01 is a multicast address"},
        Golden{"Address", with("nics: [{bridge: b, addresses: [192.0.2.300]}]\n"),
               "web1.yaml:4:32: \"192.0.2.300\" is not an address such as 192.0.2.10/24"},
        Golden{"Quota", with("xenstore_quota: {nodess: 4}\n"),
               "web1.yaml:4:18: unknown key \"nodess\" in xenstore_quota; did you mean \"nodes\"?"},
        Golden{"SecondDocument", with("---\nname: b\n"),
               "web1.yaml:5:1: a second document (\"---\"): a file holds one; put the other into a file of its own"},
        Golden{"ThirdDocument", with("---\n---\nname: b\n"),
               "web1.yaml:6:1: a second document (\"---\"): a file holds one; put the other into a file of its own"},
        Golden{"LessIndented", " name: a\nkernel: /k\n",
               "web1.yaml:2:1: this line is indented less than the ones above; begin all keys in the same column"},
        Golden{"Scalar", "hello",
               "web1.yaml:1:1: a domain file is a map, with lines such as \"name: web1\", not plain text"},
        Golden{"Xml", "<domain><name>a</name></domain>\n",
               "web1.yaml:1:1: this looks like XML; a domain file is YAML, with lines such as \"name: web1\""},
        Golden{"NoBlank", "name:a\nkernel:/k\n",
               "web1.yaml:1:1: no blank after the \":\"; write for example \"name: web1\""},
        Golden{"Fraction", "name: a\nkernel: /k\nmemory: 1.5GiB\n",
               "web1.yaml:3:9: memory: 1.5GiB is not a whole number of a unit; write 1536MiB"},
        Golden{"CommaFraction", "name: a\nkernel: /k\nmemory: 0,25GiB\n",
               "web1.yaml:3:9: memory: 0,25GiB is not a whole number of a unit; write 256MiB"},
        Golden{"ZeroUuid", with("uuid: 00000000-0000-0000-0000-000000000000\n"),
               "web1.yaml:4:7: uuid: all zeros are the UUID of Domain-0; leave the key out to get a fresh one"},
        Golden{"Tag", with("vcpus: !!int 2\n"), "web1.yaml:4:8: the tag !!int is not taken; write the value alone"},
        Golden{"OwnTag", with("disks: !mine []\n"), "web1.yaml:4:8: the tag !mine is not taken; write the value alone"},
        Golden{"BareTag", with("cmdline: ! x\n"), "web1.yaml:4:10: the tag ! is not taken; write the value alone"},
        Golden{"TagOfNothing", with("initrd: !x\n"), "web1.yaml:4:9: the tag !x is not taken; write the value alone"},
        Golden{"TagOfTheFile", "!x\nname: a\n", "web1.yaml:1:1: the tag !x is not taken; write the value alone"},
        Golden{"EscapeInPath", with("initrd: \"/a\\x1bb\"\n"),
               "web1.yaml:4:9: initrd: the text has a control character (0x1b); remove it"},
        Golden{"LineBreak", with("cmdline: >\n  a\n  b\n"),
               "web1.yaml:4:10: cmdline: the text has a line break; write it in one line, or with \">-\" over several"},
        Golden{"ControlCharacter", with("cmdline: a\x1b[6n\n"),
               "web1.yaml:4:11: a control character (0x1b) has no place in a text; remove it"},
        Golden{"QuotedInAMessage", "name: \"a\\e[31m\"\nmemory: 8MiB\nkernel: /k\n",
               "web1.yaml:1:7: \"a\\x1b[31m\" is not a name: letters, digits, '.', '_', '-' and '+' make one"},
        Golden{"NotUtf8", with("cmdline: \xff\n"),
               "web1.yaml:4:10: the byte 0xff is not UTF-8 text; a domain file is text, saved as UTF-8"},
        Golden{"Utf16", std::string("\xff\xfen\0a\0", 6), "web1.yaml:1:1: the file is in UTF-16; save it as UTF-8"},
        Golden{
            "OldMacLines", "name: a\rkernel: /k\r",
            "web1.yaml:1:8: a carriage return alone does not end a line; save the file with line feeds (LF or CR LF)"},
        Golden{"CrLf", "name: a\r\nkernel: /k\r\nmemory: 8MiB\r\nvcpu: 2\r\n",
               "web1.yaml:4:1: unknown key \"vcpu\" in a domain; did you mean \"vcpus\"?"},
        Golden{"ByteOrderMark", "\xef\xbb\xbfname: a\nkernel: /k\nmemory: 8MiB\nvcpu: 2\n",
               "web1.yaml:4:1: unknown key \"vcpu\" in a domain; did you mean \"vcpus\"?"},
        Golden{"OpenBracket", with("cpus: [1, 2\nvcpus: 2\n"),
               "web1.yaml:4:7: this \"[\" is not closed: at 5:6, a \",\" or its \"]\" is missing"},
        Golden{"OpenBrace", with("restart: {max: 3\nvcpus: 2\n"),
               "web1.yaml:4:10: this \"{\" is not closed: at 5:6, a \",\" or its \"}\" is missing"},
        Golden{"NoComma", "{\"name\": \"a\" \"kernel\": \"/k\"}\n",
               "web1.yaml:1:1: this \"{\" is not closed: at 1:14, a \",\" or its \"}\" is missing"},
        Golden{"WrongBracket", with("disks: [{target: xvda, path: /x]\n"),
               "web1.yaml:4:32: this bracket does not close the \"[\" of 4:8; write \"]\""},
        Golden{"StrayBracket", with("cpus: [1]]\n"),
               "web1.yaml:4:10: this bracket closes nothing; remove it, or put the value into quotes"},
        Golden{"OpenMapAtTheEnd", "{name: a, memory: 8MiB",
               "web1.yaml:1:1: this \"{\" is not closed; its \"}\" is missing"},
        Golden{"OpenQuotes", with("cmdline: \"console=hvc0\n"), "web1.yaml:4:10: these quotes are not closed"},
        Golden{"TextBehindQuotes", with("cmdline: \"a\" b\n"),
               "web1.yaml:4:14: text after the end of a value; put the whole value into one pair of quotes"},
        Golden{
            "Escape", with("cmdline: \"a\\q\"\n"),
            "web1.yaml:4:12: no such escape in double quotes; write \"\\\\\" for a backslash, or take single quotes"},
        Golden{"Colon", with("cmdline: a: b\n"),
               "web1.yaml:4:11: a second \": \" in one line; put a value that has one in it into quotes"},
        Golden{"NoColon", "name: a\nkernel /k\nmemory: 8MiB\n",
               "web1.yaml:2:1: no \": \" between key and value; write for example \"name: web1\""},
        Golden{"EqualsSign", "name: a\nkernel = /k\nmemory: 8MiB\n",
               "web1.yaml:2:1: no \": \" between key and value; write \": \" in place of \"=\""},
        Golden{"Tab", "name: a\nrestart:\n\tmax: 3\n",
               "web1.yaml:3:1: a tab in the indentation; YAML indents with blanks only"},
        Golden{"MoreIndented", "name: a\n  kernel: /k\n",
               "web1.yaml:2:3: this line is indented more than the one above, which has its value already; begin it in "
               "the same column"},
        Golden{"OddlyIndented", with("restart:\n   max: 3\n  window: 10min\n"),
               "web1.yaml:6:3: no line above begins in this column; begin it where the keys that it belongs to begin"},
        Golden{"StrayEntry", with("- a\n"),
               "web1.yaml:4:1: a list entry (\"- \") among keys; put it under the key that it belongs to"},
        Golden{"EntryInALine", with("disks: - target: xvda\n"),
               "web1.yaml:4:8: a list entry (\"- \") cannot begin here; begin it on a line of its own"},
        Golden{"AtSign", with("cmdline: @a\n"), "web1.yaml:4:10: a value cannot begin with \"@\"; put it into quotes"},
        Golden{
            "Star", with("cmdline: *a\n"),
            "web1.yaml:4:10: \"*\" names an anchor that is not there; put a value that begins with \"*\" into quotes"},
        Golden{"Directive", "%YAML 7.0\n---\nname: a\n",
               "web1.yaml:1:1: \"%\" begins a directive, which no file here needs; leave the line out"},
        Golden{"MergeKey", with("<<: {vcpus: 2}\n"),
               "web1.yaml:4:1: merge keys (\"<<\") are not taken; write the keys out"},
        Golden{"XlFile",
               "# web1\nname = \"web1\"\nmemory=512\nramdisk = '/i'\ncap = 150\ndisk = [ 'phy:a' ]\nfoo = 1\n"
               "on_crash = 'coredump-restart'\n",
               "web1.yaml:2:1: this is a file for xl (\"key = value\"); hvctl takes YAML (\"key: value\"), see "
               "hvctl.yaml(5)\n"
               "web1.yaml:2:1: write name: web1\n"
               "web1.yaml:3:1: write memory: 512MiB\n"
               "web1.yaml:4:1: write initrd: /i\n"
               "web1.yaml:5:1: write cpu_cap: 150%\n"
               "web1.yaml:6:1: \"disk\": each of its entries is one of \"disks\", such as {target: xvda, path: "
               "/dev/vg0/web1}, see hvctl.yaml(5)\n"
               "web1.yaml:7:1: \"foo\" has no counterpart in this version; leave it out\n"
               "web1.yaml:8:1: write on_crash: coredump-restart"},
        Golden{"KeysOfXl", with("ramdisk: /i\nextra: a\nmaxmem: 1GiB\nvif: []\nbootloader: pygrub\n"),
               "web1.yaml:4:1: unknown key \"ramdisk\" in a domain; did you mean \"initrd\"?\n"
               "web1.yaml:5:1: unknown key \"extra\" in a domain; did you mean \"cmdline\"?\n"
               "web1.yaml:6:1: unknown key \"maxmem\" in a domain; did you mean \"max_memory\"?\n"
               "web1.yaml:7:1: unknown key \"vif\" in a domain; did you mean \"nics\"?\n"
               "web1.yaml:8:1: unknown key \"bootloader\" in a domain; did you mean \"boot\"?"},
        Golden{"Empty", "", "web1.yaml:1:1: a domain file must be a map, not nothing"}),
    [](const auto& each) { return each.param.what; });

TEST(Parser, AllErrorsAtOnceInOneReport) {
    EXPECT_EQ(errors("nmae: x\nmemory: 5\nvcpus: 0\n"),
              "web1.yaml:1:1: a domain needs the key \"name\"\n"
              "web1.yaml:2:9: memory: the size 5 has no unit; write 5MiB, or KiB, GiB, TiB, as it is meant\n"
              "web1.yaml:3:8: vcpus: 0 is out of range; it must be 1 to 128\n"
              "web1.yaml:1:1: a domain needs the key \"kernel\"\n"
              "web1.yaml:1:1: unknown key \"nmae\" in a domain; did you mean \"name\"?");
}

TEST(Parser, SyntaxErrorHasItsPlace) {
    const std::string text = errors("name: [a\nmemory: 1\n");
    EXPECT_TRUE(text.starts_with("web1.yaml:")) << text;
}

TEST(Parser, AMessageIsShort) {
    const std::string text = errors("name: " + std::string(100'000, 'x') +
                                    "\nmemory: 8MiB\nkernel: /k\non_crash: " + std::string(100'000, 'y') + "\n");
    EXPECT_LT(text.size(), 1000u);
}

TEST(Parser, Overrides) {
    const Parse parse{
        kGood, {"memory=512MiB", "disks.0.path=/x", "disks.0.target=xvdb", "cpus=[0, 1]", "vcpus=2", "name=other"}};
    EXPECT_EQ(parse.diagnostics.text(), "");
    EXPECT_EQ(parse.definition.name, "other");
    EXPECT_EQ(parse.definition.memory, 512ull << 20);
    EXPECT_EQ(parse.definition.disks.at(0).target, "xvdb");
    EXPECT_EQ(parse.definition.cpus.size(), 2u);
}

TEST(Parser, OverridesAreCheckedLikeTheFile) {
    EXPECT_EQ(errors(kGood, {"memory=5"}),
              "override \"memory=5\": memory: the size 5 has no unit; write 5MiB, or KiB, GiB, TiB, as it is meant");
    EXPECT_EQ(errors(kGood, {"memroy=5MiB"}),
              "override \"memroy=5MiB\": unknown key \"memroy\" in a domain; did you mean \"memory\"?");
    EXPECT_EQ(errors(kGood, {"memory"}), "override \"memory\": not of the form key=value");
    EXPECT_EQ(errors(kGood, {"disks.3.path=/x"}),
              "override \"disks.3.path=/x\": \"3\" is not a place in a list of 0; the next free one is 0");
    EXPECT_EQ(errors(kGood, {"name.x=1"}), "override \"name.x=1\": \"x\" cannot be set inside a value");
}

TEST(Parser, BombsAreBounded) {
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 9; ++j) bomb += before + ",";
        bomb += before + "]\n";
    }
    EXPECT_NE(errors(bomb).find("more than 8192 values, aliases included"), std::string::npos);
    EXPECT_NE(errors(std::string(100, '[')).find("nested more than 16 levels deep"), std::string::npos);
    EXPECT_NE(errors(std::string(kMaxYamlBytes + 1, ' ')).find("are more than the 262144"), std::string::npos);
}

TEST(Parser, BombsOfBytesAreBounded) {
    std::string bomb = with("cmdline: &a \"" + std::string(200'000, 'x') + "\"\ncpus: [");
    for (int i = 0; i < 8000; ++i) bomb += "*a,";
    EXPECT_NE(errors(bomb + "*a]\n").find("more than 262144 bytes of values, aliases included"), std::string::npos);
    const std::vector<std::string> many(10, "cmdline=" + std::string(100'000, 'x'));
    EXPECT_NE(errors(kGood, many).find("10 overrides of 1000080 bytes are more"), std::string::npos);
    EXPECT_NE(errors(kGood, std::vector<std::string>(kMaxYamlNodes + 1, "a=")).find("8193 overrides"),
              std::string::npos);
}

TEST(Parser, CpusNamedAgainAndAgainAreTheSameCpus) {
    std::string list = "0-4095";
    while (list.size() < 60'000) list += ",0-4095,^7,^4095-4095";
    const Parse parse{with("cpus: \"" + list + "\"\n")};
    EXPECT_EQ(parse.diagnostics.text(), "");
    ASSERT_EQ(parse.definition.cpus.size(), 1u);
    EXPECT_EQ(format_cpu_list(parse.definition.cpus.front()), "0-6,8-4094");
    EXPECT_NE(errors(with("cpus: \"" + list + list + "\"\n")).find("65536 are the most"), std::string::npos);
}

TEST(Parser, AliasesMayBeUsed) {
    const Parse parse{with("cpus: &where \"0-1\"\ncpus_soft: *where\n")};
    EXPECT_EQ(parse.diagnostics.text(), "");
    EXPECT_EQ(parse.definition.cpus, parse.definition.cpus_soft);
}

TEST(Settings, TheManualsExampleIsValid) {
    std::ifstream file{HV_YAML_CORPUS "/../../../../man/hvctl.yaml.5"};
    const std::string page{std::istreambuf_iterator<char>{file}, {}};
    const std::string_view begin = ".Bd -literal -offset indent\nconsole:";
    const std::size_t start = page.find(begin);
    ASSERT_NE(start, std::string::npos);
    const std::size_t text = page.find('\n', start) + 1;
    Diagnostics diagnostics;
    const Settings settings =
        parse_settings(page.substr(text, page.find("\n.Ed", text) + 1 - text), "hvctl.yaml", diagnostics);
    EXPECT_EQ(diagnostics.text(), "");
    EXPECT_EQ(settings.console.log_size, 256u << 10);
}

TEST(Settings, DefaultsAndValues) {
    Diagnostics diagnostics;
    Settings settings = parse_settings("", "hvctl.yaml", diagnostics);
    EXPECT_FALSE(diagnostics.failed());
    EXPECT_EQ(settings.console.log_size, 1ull << 20);
    settings = parse_settings(
        "log_level: debug\nconsole: {log_size: 2MiB}\ndefaults: {on_crash: preserve, nic_hook: /etc/hvctl/hooks/x}\n"
        "shutdown_timeout: 90s\n",
        "hvctl.yaml", diagnostics);
    EXPECT_EQ(diagnostics.text(), "");
    EXPECT_EQ(settings.console.log_size, 2ull << 20);
    EXPECT_EQ(settings.defaults.on_crash, EndAction::Preserve);
    EXPECT_FALSE(settings.defaults.on_watchdog);
    EXPECT_EQ(settings.defaults.nic_hook, "/etc/hvctl/hooks/x");
    EXPECT_EQ(settings.shutdown_timeout_seconds, 90u);
    Diagnostics too_long;
    (void)parse_settings("shutdown_timeout: 2h\n", "hvctl.yaml", too_long);
    EXPECT_TRUE(too_long.failed());
    (void)parse_settings("consoel: {}\nconsole: {log_size: 1KiB}\n", "hvctl.yaml", diagnostics);
    EXPECT_EQ(diagnostics.text(),
              "hvctl.yaml:2:21: log_size: 1KiB is out of range; it must be 64KiB to 1GiB\n"
              "hvctl.yaml:1:1: unknown key \"consoel\" in the settings; did you mean \"console\"?");
}

}  // namespace
}  // namespace hvctld::config
