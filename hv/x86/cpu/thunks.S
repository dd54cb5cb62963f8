// How hv's code takes an indirect branch: the compiler calls these (-mindirect-branch=thunk-extern) and writes no such
// branch itself. By default one jump; a retpoline or LFENCE where they are at work. And how it returns: the compiler jumps
// here (-mfunction-return=thunk-extern), until cpu/returns.cpp puts a return in the place of the jump.
#include "asm_constants.h"
#include "hv/x86/traps/switches.h"

/* The jump is in the upper half of a cache line: no processor takes its target from another branch there. */
        .macro  thunk register
        .balign 64
        .skip   32, 0xcc
        .globl  __x86_indirect_thunk_\register
__x86_indirect_thunk_\register:
        jump_if RETPOLINE, 1f
        jump_if LFENCE_THUNK, 4f
        jmp     *%\register
        int3
        .balign 64, 0xcc
1:      call    3f
2:      pause                                /* where the return is guessed to go to */
        lfence
        jmp     2b
3:      movq    %\register, (%rsp)
        ret
        int3
        .balign 32, 0xcc
4:      lfence
        jmp     *%\register
        int3
        .endm

        .section .text.hot.thunks, "ax"
        .irp    register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        thunk   \register
        .endr

        .balign 64, 0xcc
        .skip   32, 0xcc
        .globl  __x86_return_thunk
__x86_return_thunk:
        ret
        int3

        .section .note.GNU-stack, "", @progbits
