"""hv's command line with everything at work that it can do against processors that leak (hv/x86/leaks).

QEMU's interpreter takes any value for registers that it does not have, so hv does there whatever it is asked to do.
"""

# What Xen's Dom0 survives as well: with pv-l1tf, Xen 4.17 ends it on a processor that does not need that. return-thunk is no word of Xen's.
COMPARABLE = ("spec-ctrl=msr-sc,rsb,verw,ibpb-entry,bhb-entry,bti-thunk=retpoline,ibrs,stibp,ibpb,ssbd,psfd,branch-harden,div-scrub"
              " xpti")
FORCED = f"{COMPARABLE} spec-ctrl=return-thunk pv-l1tf"
