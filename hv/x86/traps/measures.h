// What the ways into hv and out of it do against leaks, where a processor needs it (leaks/entry_measures.hpp). All of it
// stands out of line, behind one switch of each way, so that others run five bytes of NOP.
#include "hv/x86/traps/switches.h"

/* rax: the last byte of this CPU's stack block, whichever of its stacks this is. */
        .macro  find_block
        movq    %rsp, %rax
        orq     $(STACK_SIZE - 1), %rax
        .endm

#define OF_BLOCK(offset) (1 - STACK_RESERVED + (offset))

/* While an isolated guest runs, other pages stand in the place of the stacks (pv/mmu/isolation.hpp). Back to hv's tables,
   and what was pushed there comes along: on the CPU's stack, or on one of the IST when the IRET of such a trap has faulted,
   all that is on it; each ends with a page. Nothing when hv's tables are there. */
        .macro  enter_hv_root
        find_block
        movq    OF_BLOCK(PER_CPU_HV_ROOT)(%rax), %rdx
        testq   %rdx, %rdx
        jz      781f
        movq    OF_BLOCK(PER_CPU_ENTRY_ALIAS)(%rax), %rsi
        movq    %rdx, %cr3
        leaq    OF_BLOCK(0)(%rax), %rcx
        movq    %rsp, %rdx
        orq     $4095, %rdx
        incq    %rdx
        cmpq    %rdx, %rcx
        cmovaq  %rdx, %rcx
        subq    %rsp, %rcx
        shrl    $3, %ecx
        addq    %rsp, %rsi
        movq    %rsp, %rdi
        rep movsq
781:
        .endm

/* The same on a stack of the IST, with nothing but the frame on it. Keeps in rbx what CR3 was, or 0, and in r13 where the
   other page is. */
        .macro  enter_hv_root_critical
        xorl    %ebx, %ebx
        find_block
        movq    OF_BLOCK(PER_CPU_HV_ROOT)(%rax), %rdx
        testq   %rdx, %rdx
        jz      781f
        movq    OF_BLOCK(PER_CPU_ENTRY_ALIAS)(%rax), %r13
        movq    %cr3, %rbx
        movq    %rdx, %cr3
        leaq    (%rsp, %r13), %rsi
        movq    %rsp, %rdi
        movl    $(TRAP_FRAME_SIZE / 8), %ecx
        rep movsq
781:
        .endm

        .macro  leave_hv_root_critical
        testq   %rbx, %rbx
        jz      781f
        leaq    (%rsp, %r13), %rdi
        movq    %rsp, %rsi
        movl    $(TRAP_FRAME_SIZE / 8), %ecx
        rep movsq
        movq    %rbx, %cr3
781:
        .endm

/* eax: what it is to be. */
        .macro  write_spec_ctrl
        movl    $MSR_SPEC_CTRL, %ecx
        xorl    %edx, %edx
        wrmsr
        .endm

/* Fills the processor's stack of return addresses, of which none keeps more than 32. A later return without a call of
   hv's is predicted to go into one of the loops here, where nothing happens. */
        .macro  fill_returns
        movl    $16, %ecx
782:    call    784f
783:    pause
        lfence
        jmp     783b
784:    call    786f
785:    pause
        lfence
        jmp     785b
786:    decl    %ecx
        jnz     782b
        addq    $(32 * 8), %rsp
        .endm

/* More taken branches than a processor remembers, all of them hv's: rounds * (turns * 2 + 2). */
        .macro  clear_history rounds, turns
        movl    $\rounds, %ecx
782:    call    784f
        decl    %ecx
        jnz     782b
        jmp     787f
        .balign 64, 0xcc
        .skip   32, 0xcc                     /* its return in the upper half of a line, where others cannot train it (ITS) */
784:    movl    $\turns, %edx
785:    jmp     786f
786:    decl    %edx
        jnz     785b
        ret
787:
        .endm

/* Before any indirect branch or return of hv's. All registers are free; rsp stands on the frame.

   The barrier is for entries from guests. A trap that struck in ring 0 does without it: the entry from the guest has had
   one already. A trap on a stack of the IST cannot rely on that, since it may strike an entry that has not come here
   yet, and a guest can arrange for that. With comes_always there is a barrier wherever the trap struck. */
        .macro  restrict_branches comes_always=0
        jump_unless BARRIER_ON_ENTRY, 793f
        .if     !\comes_always
        testb   $3, TRAP_FRAME_CS(%rsp)
        jz      793f
        .endif
        find_block
        cmpb    $0, OF_BLOCK(PER_CPU_BARRIER_ON_ENTRY)(%rax)
        je      793f
        movl    $MSR_PRED_CMD, %ecx
        movl    $PRED_CMD_IBPB, %eax
        xorl    %edx, %edx
        wrmsr
793:    jump_unless FILL_RETURNS, 794f
        fill_returns
794:    jump_unless CLEAR_HISTORY, 795f
        jump_unless CLEAR_LONG_HISTORY, 796f
        clear_history 13, 7                  /* 208: Alder Lake and what came after it remember 194 */
        jmp     795f
796:    clear_history 5, 5                   /* 60: so many are enough, Intel says, for what came before */
795:    lfence                               /* no branch above has been guessed wrong from here on */
        .endm

/* A way in on the CPU's stack: from a guest, or from hv itself, which may have been about to enter one. */
        .macro  measures_on_entry
        jump_unless ISOLATE, 790f
        enter_hv_root
790:    jump_unless SWITCH_SPEC_CTRL, 792f
        find_block
        movq    %rax, %rdx
        movl    hv_spec_ctrl(%rip), %eax
        jump_if WRITE_SPEC_CTRL_ALWAYS, 791f
        cmpl    OF_BLOCK(PER_CPU_GUEST_SPEC_CTRL)(%rdx), %eax
        je      792f
        jmp     789f
791:    cmpb    $0, OF_BLOCK(PER_CPU_HAS_SPEC_CTRL)(%rdx)
        je      792f
789:    write_spec_ctrl
792:    restrict_branches
        .endm

/* A way in on a stack of the IST, which can strike at any instruction: what was there is kept, in r12 what SPEC_CTRL was. */
        .macro  measures_on_critical_entry
        jump_unless ISOLATE, 790f
        enter_hv_root_critical
790:    jump_unless SWITCH_SPEC_CTRL, 792f
        find_block
        cmpb    $0, OF_BLOCK(PER_CPU_HAS_SPEC_CTRL)(%rax)
        je      792f
        movl    $MSR_SPEC_CTRL, %ecx
        rdmsr
        movl    %eax, %r12d
        movl    hv_spec_ctrl(%rip), %eax
        write_spec_ctrl
792:    restrict_branches comes_always=1
        .endm

        .macro  measures_on_critical_exit
        jump_unless SWITCH_SPEC_CTRL, 790f
        find_block
        cmpb    $0, OF_BLOCK(PER_CPU_HAS_SPEC_CTRL)(%rax)
        je      790f
        movl    %r12d, %eax
        write_spec_ctrl
790:    jump_unless CLEAR_BUFFERS, 791f
        verw    clears_buffers(%rip)
791:    jump_unless ISOLATE, 792f
        leave_hv_root_critical
792:
        .endm

/* The way out to a guest; rsp stands on its frame at the top of the CPU's stack, no C++ comes after it. */
        .macro  measures_on_exit
        jump_unless ISOLATE, 790f
        movq    %rsp, %rdi
        call    root_for_guest
        movq    %rax, %rbx
790:    jump_unless SCRUB_DIVIDER, 791f
        movl    $1, %ecx
        movl    $1, %eax
        xorl    %edx, %edx
        divl    %ecx
791:    jump_unless SWITCH_SPEC_CTRL, 793f
        movl    (TRAP_FRAME_SIZE + PER_CPU_GUEST_SPEC_CTRL)(%rsp), %eax
        jump_if WRITE_SPEC_CTRL_ALWAYS, 792f
        cmpl    hv_spec_ctrl(%rip), %eax
        je      793f
792:    write_spec_ctrl
793:    jump_unless ISOLATE, 794f
        testq   %rbx, %rbx
        jz      794f
        movq    %rbx, %cr3
794:
        .endm
