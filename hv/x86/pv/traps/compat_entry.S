// System calls of 32-bit user programs: SYSCALL in compatibility mode (AMD) and SYSENTER (Intel). 64-bit code that uses
// SYSENTER comes here too.
#include "asm_constants.h"
#include "hv/x86/traps/frame_macros.h"
#include "hv/x86/traps/measures.h"

        // As in syscall_entry.S, every CPU has an entry of its own; MSR_CSTAR of CPU n is syscall32_stubs +
        // n * SYSCALL32_STUB_BYTES.
        .macro  syscall32_stub number
        .balign SYSCALL32_STUB_BYTES
        movabsq %rax, STACKS_BASE + \number * STACK_SIZE + STACK_SIZE - STACK_RESERVED + PER_CPU_SCRATCH
        movq    %rsp, %rax
        movabsq $(STACKS_BASE + \number * STACK_SIZE + STACK_SIZE - STACK_RESERVED), %rsp
        pushq   $USER_DATA
        pushq   %rax
        movq    (16 + PER_CPU_SCRATCH)(%rsp), %rax
        jmp     syscall32_common
        .endm

        .section .text.entry, "ax"
        .globl  syscall32_stubs
        .balign SYSCALL32_STUB_BYTES
syscall32_stubs:
        .altmacro
        .set    number, 0
        .rept   MAX_CPUS
        syscall32_stub %number
        .set    number, number + 1
        .endr
        .noaltmacro
        .org    syscall32_stubs + MAX_CPUS * SYSCALL32_STUB_BYTES    /* fails if a stub is longer */

        .balign 16
syscall32_common:
        push_syscall_frame USER_CODE32
        jump_if ON_ENTRY, measures_of_syscall32
syscall32_measures_done:
        xorl    %ebp, %ebp
        movq    %rsp, %rdi
        call    guest_syscall32
        jmp     leave_to_guest

        // SYSENTER clears IF and nothing else: the stack is this CPU's, from MSR_SYSENTER_ESP, but TF, NT, AC and DF are
        // still the guest's. With TF set each instruction here ends in #DB, until its handler (handle_hv_debug) sees
        // that PUSHF has saved the flag. Where the caller was, and its stack, only the caller knows.
        .globl  sysenter_entry, sysenter_flags_saved
        .balign 16
sysenter_entry:
        pushq   $USER_DATA
        pushq   $0
        pushfq
sysenter_flags_saved:
        pushq   $3                           /* a null selector of ring 3 */
        pushq   $0
        pushq   $0
        pushq   $VECTOR_SYSCALL
        push_registers
        pushq   $2
        popfq
        jump_if ON_ENTRY, measures_of_sysenter
sysenter_measures_done:
        xorl    %ebp, %ebp
        movq    %rsp, %rdi
        call    guest_sysenter
        jmp     leave_to_guest

        .balign 16
measures_of_syscall32:
        measures_on_entry
        jmp     syscall32_measures_done
measures_of_sysenter:
        measures_on_entry
        jmp     sysenter_measures_done

        .section .note.GNU-stack, "", @progbits
