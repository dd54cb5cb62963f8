// Assembly shared by the ways in and out that build and take down a TrapFrame.
        .macro  push_registers
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
        .endm

/* The rest of the frame after SYSCALL, which leaves rip in rcx and rflags in r11: the caller's ss and rsp are there already. */
        .macro  push_syscall_frame code
        pushq   %r11
        pushq   $\code
        pushq   %rcx
        pushq   $SYSCALL_LENGTH
        pushq   $VECTOR_SYSCALL
        push_registers
        .endm

        .macro  pop_registers
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
        .endm

/* Three bytes of NOP that become CLAC when the CPU has SMAP (cpu/smap.cpp). */
        .macro  patchable_clac
771:    .byte   0x0f, 0x1f, 0x00
        .pushsection .smap_patches, "a"
        .long   771b - .
        .byte   0xca, 0, 0, 0
        .popsection
        .endm
