// Assembly shared by the entries that build a TrapFrame.
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

/* Three bytes of NOP that become CLAC when the CPU has SMAP (cpu/smap.cpp). */
        .macro  patchable_clac
771:    .byte   0x0f, 0x1f, 0x00
        .pushsection .smap_patches, "a"
        .long   771b - .
        .byte   0xca, 0, 0, 0
        .popsection
        .endm
