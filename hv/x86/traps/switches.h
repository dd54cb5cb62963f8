// Five bytes that are NOP or a jump, by which measures against leaks are at work (cpu/switches.cpp sets them; the masks
// are in leaks/entry_measures.hpp). None of them crosses eight bytes, so that each is set at once: an NMI may run through
// them meanwhile.
#define SWITCH_UNLESS (1 << 63)

        .macro  switch_entry measures, target
        .pushsection .switches, "a"
        .balign 8
        .long   772b - .
        .long   \target - .
        .quad   \measures
        .popsection
        .endm

/* A jump when one of the measures is at work; until they are known, none is. */
        .macro  jump_if measures, target
        .p2align 3, , 4
772:    .byte   0x0f, 0x1f, 0x44, 0x00, 0x00
        switch_entry (\measures), \target
        .endm

/* A jump when none of them is. */
        .macro  jump_unless measures, target
        .p2align 3, , 4
772:    .byte   0xe9
        .long   \target - . - 4
        switch_entry ((\measures) | SWITCH_UNLESS), \target
        .endm
