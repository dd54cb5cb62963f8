// Page-table entries changed by ordinary instructions: the entry and the registers are what the processor
// would have made of them, or nothing has changed.
#include <cstring>

#include "hv/x86/pv/traps/emulation.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

constexpr std::uint64_t kCarry = 1, kParity = 4, kAdjust = 16, kZero = 64, kSign = 128, kDirection = 1u << 10,
                        kOverflow = 1u << 11;
constexpr std::uint64_t kArithmetic = kCarry | kParity | kAdjust | kZero | kSign | kOverflow;

class TableWrite : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        tree = make_tree(1, 2);
        target = tree.l1[1];
        // The guest sees its L1 table at address 0x3000, read-only.
        table(tree.l1[0])[3] = make_pte(target, kReadOnly);
        ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
        ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l4.raw), 0);
        data = frame();
        registers = {};
        registers.rdi = kWhere;
        registers.rflags = kArithmetic | 2;
    }
    bool run(std::initializer_list<std::uint8_t> bytes, std::uint64_t address = kWhere) {
        std::memset(code, 0x90, sizeof code);
        std::copy(bytes.begin(), bytes.end(), code);
        registers.rip = fake::address(code);
        const TrapFrame before = registers;
        hv::Vcpu& current = fake::running_on(hv::CpuId{0});
        fake::set_current(*vcpu);
        const bool handled = emulate_table_write(*vcpu, registers, address);
        fake::set_current(current);
        if (handled)
            EXPECT_EQ(registers.rip, before.rip + bytes.size());
        else
            EXPECT_EQ(std::memcmp(&before, &registers, sizeof before), 0);
        EXPECT_EQ(audit::report(), "");
        return handled;
    }
    std::uint64_t flags() const { return registers.rflags & kArithmetic; }
    Pte& entry(unsigned index = 8) { return table(target)[index]; }
    // A value that hv takes as it is.
    Pte raw(std::uint64_t flags_of_entry = 0) const { return make_pte(data, kReadWrite | flags_of_entry); }
    void preset(Pte value, unsigned index = 8) { ASSERT_EQ(set_entry(*domain, target, index, value), 0); }

    static constexpr std::uint64_t kWhere = 0x3040;  // entry 8
    Tree tree;
    Mfn target{}, data{};
    TrapFrame registers{};
    alignas(16) std::uint8_t code[32];
};

TEST_F(TableWrite, Mov) {
    registers.rax = raw();
    ASSERT_TRUE(run({0x48, 0x89, 0x07}));  // mov %rax,(%rdi)
    EXPECT_EQ(entry(), raw());
    EXPECT_EQ(info(data).type_count(), 1u);
    EXPECT_EQ(flags(), kArithmetic);
    ASSERT_TRUE(run({0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff}));  // movq $-2,(%rdi)
    EXPECT_EQ(entry(), ~std::uint64_t{1});
    EXPECT_EQ(info(data).references(), 1u);
}

TEST_F(TableWrite, PartOfAnEntry) {
    preset(0x1122'3344'5566'7700);
    registers.rax = 0xaaaa'bbbb'cccc'dddd;
    registers.rdi = kWhere + 4;
    ASSERT_TRUE(run({0x89, 0x07}, kWhere + 4));  // mov %eax,(%rdi)
    EXPECT_EQ(entry(), 0xcccc'dddd'5566'7700u);
    registers.rdi = kWhere + 2;
    ASSERT_TRUE(run({0x66, 0x89, 0x07}, kWhere + 2));  // mov %ax,(%rdi)
    EXPECT_EQ(entry(), 0xcccc'dddd'dddd'7700u);
}

TEST_F(TableWrite, Exchange) {
    preset(0x1122'3344'5566'7700);
    registers.rax = raw();
    ASSERT_TRUE(run({0x48, 0x87, 0x07}));  // xchg %rax,(%rdi)
    EXPECT_EQ(entry(), raw());
    EXPECT_EQ(registers.rax, 0x1122'3344'5566'7700u);
    preset(0x1122'3344'5566'7700);
    registers.rax = 0xaaaa'bbbb'cccc'ddde;
    ASSERT_TRUE(run({0x87, 0x07}));  // 32 bits clear the upper half of the register
    EXPECT_EQ(entry(), 0x1122'3344'cccc'dddeu);
    EXPECT_EQ(registers.rax, 0x5566'7700u);
    registers.rax = 0xaaaa'bbbb'cccc'0002;
    ASSERT_TRUE(run({0x66, 0x87, 0x07}));  // 16 bits leave it alone
    EXPECT_EQ(entry(), 0x1122'3344'cccc'0002u);
    EXPECT_EQ(registers.rax, 0xaaaa'bbbb'cccc'dddeu);
}

TEST_F(TableWrite, CompareAndExchange) {
    preset(0x4000);
    registers.rax = 0x4000;
    registers.rcx = raw();
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xb1, 0x0f}));  // lock cmpxchg %rcx,(%rdi)
    EXPECT_EQ(entry(), raw());
    EXPECT_EQ(registers.rax, 0x4000u);
    EXPECT_EQ(flags(), kZero | kParity);
    registers.rax = 0;
    registers.rcx = 0x8000;
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xb1, 0x0f}));
    EXPECT_EQ(entry(), raw());
    EXPECT_EQ(registers.rax, raw());
    EXPECT_EQ(flags() & (kZero | kCarry), kCarry);
}

// All of CMPXCHG's flags and results are compared with the processor that runs this test.
TEST_F(TableWrite, CompareAndExchangeAsTheProcessorDoes) {
    constexpr std::uint64_t kValues[] = {0,
                                         2,
                                         0x7ffe,
                                         0x8000,
                                         0xfffe,
                                         0x7fff'fffe,
                                         0x8000'0000,
                                         0xffff'fffe,
                                         0x10,
                                         0x7fff'ffff'ffff'fffe,
                                         0x8000'0000'0000'0000,
                                         0xffff'ffff'ffff'fffe,
                                         0x1'0000'0000};
    for (unsigned size : {2u, 4u, 8u}) {
        for (const std::uint64_t old : kValues) {
            for (const std::uint64_t accumulator : kValues) {
                preset(old);
                std::uint64_t real_entry = old, real_rax = accumulator, real_flags = 0;
                const std::uint64_t next = 0x1234'5678'9abc'def0;
                if (size == 2)
                    asm volatile("cmpxchgw %w3,%1; pushfq; popq %2"
                                 : "+a"(real_rax), "+m"(real_entry), "=r"(real_flags)
                                 : "r"(next)
                                 : "cc");
                if (size == 4)
                    asm volatile("cmpxchgl %k3,%1; pushfq; popq %2"
                                 : "+a"(real_rax), "+m"(real_entry), "=r"(real_flags)
                                 : "r"(next)
                                 : "cc");
                if (size == 8)
                    asm volatile("cmpxchgq %3,%1; pushfq; popq %2"
                                 : "+a"(real_rax), "+m"(real_entry), "=r"(real_flags)
                                 : "r"(next)
                                 : "cc");
                registers.rax = accumulator;
                registers.rcx = next;
                ASSERT_TRUE(size == 2   ? run({0x66, 0x0f, 0xb1, 0x0f})
                            : size == 4 ? run({0x0f, 0xb1, 0x0f})
                                        : run({0x48, 0x0f, 0xb1, 0x0f}));
                EXPECT_EQ(entry(), real_entry);
                EXPECT_EQ(registers.rax, real_rax) << size << " " << old << " " << accumulator;
                EXPECT_EQ(flags(), real_flags & kArithmetic) << size << " " << old << " " << accumulator;
            }
        }
    }
}

TEST_F(TableWrite, Logic) {
    preset(raw(kPteAccessed));
    registers.rax = ~kPteWritable;
    ASSERT_TRUE(run({0xf0, 0x48, 0x21, 0x07}));  // lock and %rax,(%rdi)
    EXPECT_EQ(entry(), make_pte(data, kReadOnly | kPteAccessed));
    EXPECT_EQ(info(data).type_count(), 0u);
    EXPECT_EQ(flags() & (kCarry | kOverflow | kZero | kSign), 0u);
    registers.rax = kPteWritable | kPteNoExecute;
    ASSERT_TRUE(run({0x48, 0x09, 0x07}));  // or %rax,(%rdi)
    EXPECT_EQ(entry(), raw(kPteAccessed | kPteNoExecute));
    EXPECT_EQ(flags() & (kCarry | kOverflow | kZero | kSign), kSign);
    ASSERT_TRUE(run({0xf0, 0x48, 0x83, 0x27, 0xfe}));  // lock andq $-2,(%rdi)
    EXPECT_EQ(entry(), raw(kPteAccessed | kPteNoExecute) & ~kPtePresent);
    EXPECT_EQ(info(data).references(), 1u);
    registers.rax = entry();
    ASSERT_TRUE(run({0x48, 0x31, 0x07}));  // xor %rax,(%rdi)
    EXPECT_EQ(entry(), 0u);
    EXPECT_EQ(flags(), kZero | kParity);
    ASSERT_TRUE(run({0x48, 0x81, 0x0f, 0, 0, 0, 0x80}));  // orq $0xffffffff80000000,(%rdi)
    EXPECT_EQ(entry(), 0xffff'ffff'8000'0000u);
}

TEST_F(TableWrite, Bytes) {
    preset(raw());
    ASSERT_TRUE(run({0xf0, 0x80, 0x27, 0xfd}));  // lock andb $0xfd,(%rdi): no longer writable
    EXPECT_EQ(entry(), make_pte(data, kReadOnly));
    registers.rdi = kWhere + 7;
    ASSERT_TRUE(run({0x80, 0x0f, 0x80}, kWhere + 7));  // orb $0x80,(%rdi): no execution
    EXPECT_EQ(entry() >> 63, 1u);
}

TEST_F(TableWrite, Bits) {
    preset(raw());
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}));  // lock btrq $1,(%rdi)
    EXPECT_EQ(entry(), make_pte(data, kReadOnly));
    EXPECT_EQ(flags(), kArithmetic);
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}));
    EXPECT_EQ(flags(), kArithmetic & ~kCarry);
    ASSERT_TRUE(run({0x48, 0x0f, 0xba, 0x2f, 0x3f}));  // btsq $63,(%rdi)
    EXPECT_EQ(entry() >> 63, 1u);
    registers.rax = 8 * 64 + 1;  // bit 1 of the entry eight further on
    registers.rdi = kWhere - 64;
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xab, 0x07}));  // lock bts %rax,(%rdi)
    EXPECT_EQ(entry(), raw(kPteNoExecute));
    registers.rax = static_cast<std::uint64_t>(-(64 * 2) + 1);
    registers.rdi = kWhere + 16;
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xb3, 0x07}));  // lock btr %rax,(%rdi)
    EXPECT_EQ(entry(), make_pte(data, kReadOnly | kPteNoExecute));
    registers.rax = 64;
    EXPECT_FALSE(run({0xf0, 0x48, 0x0f, 0xb3, 0x07}));               // not where it faulted
    EXPECT_FALSE(run({0x48, 0x0f, 0xba, 0x07, 0x01}, kWhere + 16));  // no such instruction
}

TEST_F(TableWrite, Store) {
    registers.rax = raw();
    ASSERT_TRUE(run({0x48, 0xab}));  // stos %rax
    EXPECT_EQ(registers.rdi, kWhere + 8);
    EXPECT_EQ(entry(), raw());
    registers.rdi = kWhere;
    registers.rflags |= kDirection;
    ASSERT_TRUE(run({0xab}));  // stos %eax
    EXPECT_EQ(registers.rdi, kWhere - 4);
    EXPECT_FALSE(run({0xf3, 0x48, 0xab}, registers.rdi));
}

TEST_F(TableWrite, WhatIsNotAllowedFaults) {
    const Mfn theirs = fake::give_page(*other);
    for (const Pte value : {make_pte(theirs, kReadOnly), make_pte(tree.l4, kReadWrite), make_pte(target, kReadWrite),
                            make_pte(Mfn{1}, kReadOnly)}) {
        registers.rax = value;
        EXPECT_FALSE(run({0x48, 0x89, 0x07}));
        EXPECT_FALSE(run({0x48, 0x87, 0x07}));
        EXPECT_FALSE(run({0x48, 0xab}));
        EXPECT_FALSE(run({0x48, 0x09, 0x07}));  // or: its flags are taken back
        registers.rax = 0;
        registers.rcx = value;
        EXPECT_FALSE(run({0xf0, 0x48, 0x0f, 0xb1, 0x0f}));  // lock cmpxchg %rcx,(%rdi)
        EXPECT_EQ(entry(), 0u);
    }
    registers.rax = 0;
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, kWhere + 1));  // not the operand
    EXPECT_FALSE(run({0x48, 0x01, 0x07}));              // add: not needed
    EXPECT_FALSE(run({0x48, 0x89, 0xc7}));              // no memory operand
    registers.rdi = kWhere + 4;
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, kWhere + 4));  // into the next entry
    registers.rdi = 0x2ffc;
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, 0x3000));  // began in the page before
    registers.rdi = 0x5000;
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, 0x5000));  // nothing is mapped there
    preset(make_pte(data, kReadOnly));
    ASSERT_EQ(set_entry(*domain, tree.l1[0], 5, make_pte(data, kReadOnly)), 0);
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, 0x5000));  // no table
}

TEST_F(TableWrite, UpperTables) {
    ASSERT_EQ(set_entry(*domain, tree.l1[0], 3, make_pte(tree.l4, kReadOnly)), 0);
    const Tree more = make_tree(1, 1);
    registers.rax = make_pte(more.l3, kPtePresent);
    registers.rdi = 0x3008;
    ASSERT_TRUE(run({0x48, 0x89, 0x07}, 0x3008));
    EXPECT_EQ(table(tree.l4)[1], make_pte(more.l3, kReadOnly));
    registers.rdi = 0x3000 + 256 * 8;
    EXPECT_FALSE(run({0x48, 0x89, 0x07}, 0x3000 + 256 * 8));
    registers.rax = 0;
    registers.rdi = 0x3008;
    ASSERT_TRUE(run({0x48, 0x89, 0x07}, 0x3008));
    EXPECT_EQ(info(more.l3).references(), 1u);
}

}  // namespace
