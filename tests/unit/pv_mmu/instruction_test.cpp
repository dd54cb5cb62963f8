// The instruction decoder against encodings made by an assembler, and against all their truncations.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "hv/x86/emulate/instruction.hpp"

namespace {

using hv::x86::decode_bytes;
using hv::x86::Instruction;
using hv::x86::TrapFrame;

// Every register has a value of its own: number n is (n + 1) << 32.
TrapFrame make_frame() {
    TrapFrame frame{};
    for (unsigned number = 0; number < 16; ++number)
        hv::x86::register_of(frame, number) = std::uint64_t{number + 1} << 32;
    frame.rip = 0x7000'0000'1000;
    return frame;
}
constexpr std::uint64_t reg(unsigned number) {
    return std::uint64_t{number + 1} << 32;
}

struct Case {
    const char* text;
    std::vector<std::uint8_t> bytes;
    std::uint16_t opcode;
    unsigned operand_bytes;
    std::uint8_t reg;
    bool is_memory;
    std::uint64_t memory;
    std::uint64_t immediate;
};

constexpr std::uint64_t kRip = 0x7000'0000'1000;
enum { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };

const Case kCases[] = {
    {"mov %rax,(%rdi)", {0x48, 0x89, 0x07}, 0x89, 8, rax, true, reg(rdi), 0},
    {"mov %eax,(%rdi)", {0x89, 0x07}, 0x89, 4, rax, true, reg(rdi), 0},
    {"mov %ax,(%rdi)", {0x66, 0x89, 0x07}, 0x89, 2, rax, true, reg(rdi), 0},
    {"mov %r15,(%r12)", {0x4d, 0x89, 0x3c, 0x24}, 0x89, 8, r15, true, reg(r12), 0},
    {"mov %r8,(%r13)", {0x4d, 0x89, 0x45, 0x00}, 0x89, 8, r8, true, reg(r13), 0},
    {"mov %rdx,-8(%rsp)", {0x48, 0x89, 0x54, 0x24, 0xf8}, 0x89, 8, rdx, true, reg(rsp) - 8, 0},
    {"mov %rdx,0x80(%rbp)", {0x48, 0x89, 0x95, 0x80, 0, 0, 0}, 0x89, 8, rdx, true, reg(rbp) + 0x80, 0},
    {"mov %rdx,(%rbx,%rcx,8)", {0x48, 0x89, 0x14, 0xcb}, 0x89, 8, rdx, true, reg(rbx) + 8 * reg(rcx), 0},
    {"mov %rdx,0x10(%r9,%r12,4)", {0x4b, 0x89, 0x54, 0xa1, 0x10}, 0x89, 8, rdx, true, reg(r9) + 4 * reg(r12) + 0x10, 0},
    {"mov %rdx,(%r13,%rax,1)", {0x49, 0x89, 0x54, 0x05, 0x00}, 0x89, 8, rdx, true, reg(r13) + reg(rax), 0},
    {"mov %rdx,0x1000(,%rax,8)", {0x48, 0x89, 0x14, 0xc5, 0, 0x10, 0, 0}, 0x89, 8, rdx, true, 8 * reg(rax) + 0x1000, 0},
    {"mov %rdx,0xffffffff80000000",
     {0x48, 0x89, 0x14, 0x25, 0, 0, 0, 0x80},
     0x89,
     8,
     rdx,
     true,
     0xffff'ffff'8000'0000,
     0},
    {"the same with REX.B", {0x49, 0x89, 0x14, 0x25, 0, 0, 0, 0x80}, 0x89, 8, rdx, true, 0xffff'ffff'8000'0000, 0},
    {"mov %rax,0x20(%rip)", {0x48, 0x89, 0x05, 0x20, 0, 0, 0}, 0x89, 8, rax, true, kRip + 7 + 0x20, 0},
    {"the same with REX.B", {0x49, 0x89, 0x05, 0x20, 0, 0, 0}, 0x89, 8, rax, true, kRip + 7 + 0x20, 0},
    {"movq $-2,-0x20(%rip)",
     {0x48, 0xc7, 0x05, 0xe0, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff},
     0xc7,
     8,
     0,
     true,
     kRip + 11 - 0x20,
     ~std::uint64_t{1}},
    {"movw $0x1234,(%rax)", {0x66, 0xc7, 0x00, 0x34, 0x12}, 0xc7, 2, 0, true, reg(rax), 0x1234},
    {"movq with 0x66", {0x66, 0x48, 0xc7, 0x00, 1, 0, 0, 0x80}, 0xc7, 8, 0, true, reg(rax), 0xffff'ffff'8000'0001},
    {"xchg %rax,(%rbx)", {0x48, 0x87, 0x03}, 0x87, 8, rax, true, reg(rbx), 0},
    {"lock cmpxchg %rcx,(%rdx)", {0xf0, 0x48, 0x0f, 0xb1, 0x0a}, 0x0fb1, 8, rcx, true, reg(rdx), 0},
    {"lock btrq $1,(%rdi)", {0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}, 0x0fba, 8, 6, true, reg(rdi), 1},
    {"lock btr %rax,(%rdi)", {0xf0, 0x48, 0x0f, 0xb3, 0x07}, 0x0fb3, 8, rax, true, reg(rdi), 0},
    {"lock andq $-3,(%rdi)", {0xf0, 0x48, 0x83, 0x27, 0xfd}, 0x83, 8, 4, true, reg(rdi), ~std::uint64_t{2}},
    {"orl $0x80000000,(%rdi)", {0x81, 0x0f, 0, 0, 0, 0x80}, 0x81, 4, 1, true, reg(rdi), 0xffff'ffff'8000'0000},
    {"andb $0xfd,1(%rdi)", {0x80, 0x67, 0x01, 0xfd}, 0x80, 4, 4, true, reg(rdi) + 1, ~std::uint64_t{2}},
    {"mov %rax,%gs:0x10", {0x65, 0x48, 0x89, 0x04, 0x25, 0x10, 0, 0, 0}, 0x89, 8, rax, true, 0x10, 0},
    {"stos %rax", {0x48, 0xab}, 0xab, 8, 0, false, 0, 0},
    {"mov %rax,%rbx", {0x48, 0x89, 0xc3}, 0x89, 8, rax, false, 0, 0},
    {"in (%dx),%al", {0xec}, 0xec, 4, 0, false, 0, 0},
    {"out %al,$0x80", {0xe6, 0x80}, 0xe6, 4, 0, false, 0, ~std::uint64_t{0x7f}},
    {"iretq", {0x48, 0xcf}, 0xcf, 8, 0, false, 0, 0},
    {"rdmsr", {0x0f, 0x32}, 0x0f32, 4, 0, false, 0, 0},
};

TEST(Decoder, Encodings) {
    const TrapFrame frame = make_frame();
    for (const Case& test : kCases) {
        Instruction in;
        ASSERT_TRUE(decode_bytes(frame, test.bytes.data(), static_cast<unsigned>(test.bytes.size()), in)) << test.text;
        EXPECT_EQ(in.length, test.bytes.size()) << test.text;
        EXPECT_EQ(in.opcode, test.opcode) << test.text;
        EXPECT_EQ(in.operand_bytes(), test.operand_bytes) << test.text;
        EXPECT_EQ(in.reg, test.reg) << test.text;
        EXPECT_EQ(in.has_modrm && in.mod != 3, test.is_memory) << test.text;
        EXPECT_EQ(in.memory, test.memory) << test.text;
        EXPECT_EQ(in.immediate, test.immediate) << test.text;
    }
}

TEST(Decoder, NothingIsReadBehindTheEnd) {
    const TrapFrame frame = make_frame();
    for (const Case& test : kCases) {
        for (std::size_t length = 0; length < test.bytes.size(); ++length) {
            // On the heap, where the sanitizer sees a byte too many.
            const std::vector<std::uint8_t> cut(test.bytes.begin(),
                                                test.bytes.begin() + static_cast<std::ptrdiff_t>(length));
            Instruction in;
            EXPECT_FALSE(decode_bytes(frame, cut.data(), static_cast<unsigned>(length), in))
                << test.text << ", " << length;
        }
    }
}

TEST(Decoder, Prefixes) {
    const TrapFrame frame = make_frame();
    const auto decodes = [&frame](std::vector<std::uint8_t> bytes, Instruction& in) {
        return decode_bytes(frame, bytes.data(), static_cast<unsigned>(bytes.size()), in);
    };
    Instruction in;
    ASSERT_TRUE(decodes({0xf3, 0x48, 0xab}, in));
    EXPECT_TRUE(in.rep && !in.repne && !in.lock);
    in = {};
    ASSERT_TRUE(decodes({0xf2, 0xf0, 0x64, 0x2e, 0x87, 0x03}, in));
    EXPECT_TRUE(in.repne && in.lock && in.segment == 0x64 && in.length == 6);
    // An instruction has 15 bytes at most.
    std::vector<std::uint8_t> longest(14, 0x3e);
    longest.push_back(0xec);
    in = {};
    EXPECT_TRUE(decodes(longest, in));
    longest.insert(longest.begin(), 0x3e);
    in = {};
    EXPECT_FALSE(decodes(longest, in));
    // REX counts right before the opcode only; other address sizes and unknown opcodes are not hv's business.
    for (const std::vector<std::uint8_t>& bytes : std::vector<std::vector<std::uint8_t>>{{0x48, 0x66, 0x89, 0x07},
                                                                                         {0x48, 0x48, 0x89, 0x07},
                                                                                         {0x67, 0x89, 0x07},
                                                                                         {0x90},
                                                                                         {0x0f, 0x0b},
                                                                                         {0xc4, 0xe2, 0x78},
                                                                                         {0x0f, 0x38, 0xf6}}) {
        in = {};
        EXPECT_FALSE(decodes(bytes, in));
    }
}

}  // namespace
