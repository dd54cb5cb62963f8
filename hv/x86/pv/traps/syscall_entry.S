// SYSCALL from a guest: hypercalls of its kernel, system calls of its user programs.
//
// SYSCALL switches no stack and hv owns neither GS nor FS, so every CPU has an entry of its own here that knows its stack;
// MSR_LSTAR of CPU n is syscall_stubs + n * SYSCALL_STUB_BYTES.
#include "asm_constants.h"
#include "hv/x86/traps/frame_macros.h"
#include "hv/x86/traps/measures.h"

        /* RAX has the only form of MOV that reaches any address without a register: it lends itself for the stack pointer. */
        .macro  syscall_stub number
        .balign SYSCALL_STUB_BYTES
        movabsq %rax, STACKS_BASE + \number * STACK_SIZE + STACK_SIZE - STACK_RESERVED + PER_CPU_SCRATCH
        movq    %rsp, %rax
        movabsq $(STACKS_BASE + \number * STACK_SIZE + STACK_SIZE - STACK_RESERVED), %rsp
        pushq   $USER_DATA
        pushq   %rax
        movq    (16 + PER_CPU_SCRATCH)(%rsp), %rax
        jmp     syscall_common
        .endm

        .section .text.entry, "ax"
        .globl  syscall_stubs
        .balign SYSCALL_STUB_BYTES
syscall_stubs:
        .altmacro
        .set    number, 0
        .rept   MAX_CPUS
        syscall_stub %number
        .set    number, number + 1
        .endr
        .noaltmacro

        .section .text.entry_common, "ax"
        .balign 16
syscall_common:
        push_syscall_frame USER_CODE64
        jump_if ON_ENTRY, measures_of_syscall
syscall_measures_done:
        xorl    %ebp, %ebp
        movq    %rsp, %rdi
        call    guest_syscall
        .globl  leave_to_guest
leave_to_guest:
        movq    %rsp, %rdi
        call    return_to_guest_work
        jump_if ON_EXIT, measures_of_exit
exit_measures_done:
        pop_registers
        cmpl    $VECTOR_SYSCALL, (%rsp)
        jne     1f
        /* SYSRET takes rip from rcx and rflags from r11, both dead after an entry by SYSCALL, and for a guest's kernel
           that finds them on its stack. A rip that is not canonical would make it fault in ring 0 on the guest's stack:
           those leave through IRET, which faults on ours. */
        movq    16(%rsp), %rcx
        movq    %rcx, %r11
        shlq    $16, %r11
        sarq    $16, %r11
        cmpq    %rcx, %r11
        jne     1f
        movq    32(%rsp), %r11
        movq    40(%rsp), %rsp
        jump_if CLEAR_BUFFERS, clear_buffers_sysret
        .globl  leave_sysret
leave_sysret:
        sysretq
1:      addq    $16, %rsp
        jump_if CLEAR_BUFFERS, clear_buffers_iret
        jmp     leave_iret

        .balign 16
measures_of_syscall:
        measures_on_entry
        jmp     syscall_measures_done
measures_of_exit:
        measures_on_exit
        jmp     exit_measures_done
clear_buffers_sysret:
        verw    clears_buffers(%rip)
        sysretq
clear_buffers_iret:
        verw    clears_buffers(%rip)
        jmp     leave_iret

        .section .note.GNU-stack, "", @progbits
