// SYSCALL from a guest: hypercalls of its kernel, system calls of its user programs.
//
// SYSCALL switches no stack and hv owns neither GS nor FS, so every CPU has an entry of its own here that knows its stack;
// MSR_LSTAR of CPU n is syscall_stubs + n * SYSCALL_STUB_BYTES.
#include "asm_constants.h"

        .macro  syscall_stub number
        .balign SYSCALL_STUB_BYTES
        movq    %rsp, syscall_stacks + 8 * \number(%rip)
        movabsq $(STACKS_BASE + \number * STACK_SIZE + STACK_SIZE - STACK_RESERVED), %rsp
        pushq   $USER_DATA
        pushq   syscall_stacks + 8 * \number(%rip)
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

        .balign 16
syscall_common:
        pushq   %r11
        pushq   $USER_CODE64
        pushq   %rcx
        pushq   $0
        pushq   $VECTOR_SYSCALL
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        pushq   %rax
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        xorl    %ebp, %ebp
        movq    %rsp, %rdi
        call    guest_syscall
        .globl  leave_to_guest
leave_to_guest:
        movq    %rsp, %rdi
        call    return_to_guest_work
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rax
        popq    %rcx
        popq    %rdx
        popq    %rsi
        popq    %rdi
        cmpl    $VECTOR_SYSCALL, (%rsp)
        jne     1f
        /* SYSRET takes rip from rcx and rflags from r11, both dead for who entered with SYSCALL. A rip that is not canonical
           would make it fault in ring 0 on the guest's stack: those leave through IRET, which faults on ours. */
        movq    16(%rsp), %rcx
        movq    %rcx, %r11
        shlq    $16, %r11
        sarq    $16, %r11
        cmpq    %rcx, %r11
        jne     1f
        movq    32(%rsp), %r11
        movq    40(%rsp), %rsp
        .globl  leave_sysret
leave_sysret:
        sysretq
1:      addq    $16, %rsp
        jmp     leave_iret

        .section .bss.syscall_stacks, "aw", @nobits
        .balign 64
syscall_stacks:
        .skip   8 * MAX_CPUS

        .section .note.GNU-stack, "", @progbits
