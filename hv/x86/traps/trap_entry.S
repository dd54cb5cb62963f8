// The way in and out of hv for traps and interrupts. Every vector's stub leaves vector and error code on the stack, then
// the registers are pushed in TrapFrame's order and C++ takes over. Nothing here trusts a register or segment of the
// interrupted code: the stack pointer comes from the TSS or an IST slot, and per-CPU data is at the top of the stack block.
#include "asm_constants.h"
#include "hv/x86/traps/frame_macros.h"
#include "hv/x86/traps/measures.h"

        .macro  stub vector
        .balign 16
        .if     \vector >= 32
        pushq   $0
        .elseif ((ERROR_CODE_VECTORS >> \vector) & 1) == 0
        pushq   $0
        .endif
        pushq   $\vector
        .if     \vector == 1
        jmp     debug_entry
        .elseif \vector == 2 || \vector == 8 || \vector == 18
        jmp     critical_entry
        .else
        jmp     trap_entry
        .endif
        .endm

        .section .text.entry, "ax"
        .globl  trap_stubs
        .balign 16
trap_stubs:
        .altmacro
        .set    number, 0
        .rept   256
        stub    %number
        .set    number, number + 1
        .endr
        .noaltmacro

        .section .text.entry_common, "ax"
        .balign 16
trap_entry:
        push_registers
handle_frame:
        cld
        patchable_clac
        jump_if ON_ENTRY, measures_of_trap
trap_measures_done:
        testb   $3, TRAP_FRAME_CS(%rsp)
        jz      1f
        xorl    %ebp, %ebp                   /* backtraces end here, not in a guest's frame pointer */
1:      movq    %rsp, %rdi
        call    handle_trap
        testb   $3, TRAP_FRAME_CS(%rsp)
        jnz     leave_to_guest               /* may have become one for SYSRET: the kernel's entry points are */
leave:
        pop_registers
        addq    $16, %rsp                    /* vector, error code */
        .globl  leave_iret
leave_iret:
        iretq

/* #DB has a stack of its own because it can strike at SYSCALL's first instruction, when the stack pointer is the guest's.
   From ring 3 the frame moves to the CPU's stack, where the work may be put aside for another vCPU. */
debug_entry:
        push_registers
        testb   $3, TRAP_FRAME_CS(%rsp)
        jz      critical_frame
        cld
        jump_if ISOLATE, isolation_of_debug
debug_isolation_done:
        movq    %rsp, %rsi
        movq    %rsp, %rax
        orq     $(STACK_SIZE - 1), %rax
        leaq    (1 - STACK_RESERVED - TRAP_FRAME_SIZE)(%rax), %rdi
        movq    %rdi, %rsp
        movl    $(TRAP_FRAME_SIZE / 8), %ecx
        rep movsq
        jmp     handle_frame

/* NMI, #MC and #DF stay on their own stacks and go straight back. */
critical_entry:
        push_registers
critical_frame:
        cld
        patchable_clac
        testb   $3, TRAP_FRAME_CS(%rsp)
        jz      2f
        xorl    %ebp, %ebp
2:      jump_if ON_CRITICAL_TRAP, measures_of_critical_trap
critical_measures_done:
        movq    %rsp, %rdi
        call    handle_critical_trap
        jump_if ON_CRITICAL_TRAP, end_of_critical_trap
        jmp     leave

        .globl  resume_guest
resume_guest:
        movq    %rsp, %rax
        orq     $(STACK_SIZE - 1), %rax
        leaq    (1 - STACK_RESERVED - TRAP_FRAME_SIZE)(%rax), %rsp
        xorl    %ebp, %ebp
        jmp     leave_to_guest

        .globl  run_on_empty_stack
run_on_empty_stack:
        movq    %rsp, %rax
        orq     $(STACK_SIZE - 1), %rax
        leaq    (1 - STACK_RESERVED - TRAP_FRAME_SIZE)(%rax), %rsp
        xorl    %ebp, %ebp
        call    __x86_indirect_thunk_rdi
        ud2

        .balign 16
measures_of_trap:
        measures_on_entry
        jmp     trap_measures_done
isolation_of_debug:
        enter_hv_root_critical
        jmp     debug_isolation_done
measures_of_critical_trap:
        measures_on_critical_entry
        jmp     critical_measures_done
end_of_critical_trap:
        measures_on_critical_exit
        jmp     leave

        .globl  fill_return_stack
fill_return_stack:
        fill_returns
        jmp     __x86_return_thunk

/* VERW of a memory operand that names a writable segment empties the buffers, where microcode has given it that. */
        .globl  clears_buffers
        .balign 2
clears_buffers:
        .word   KERNEL_DATA

        .section .note.GNU-stack, "", @progbits
