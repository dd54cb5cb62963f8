"""hv's command line with everything at work that it can do against processors that leak (hv/x86/leaks).

QEMU's interpreter takes any value for registers that it does not have, so hv does there whatever it is asked to do.
"""

FORCED = ("spec-ctrl=msr-sc,rsb,verw,ibpb-entry,bhb-entry,bti-thunk=retpoline,ibrs,stibp,ibpb,ssbd,psfd,branch-harden,div-scrub"
          " xpti pv-l1tf")
