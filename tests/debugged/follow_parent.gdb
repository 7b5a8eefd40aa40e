set follow-fork-mode parent
break child
break parent
run
backtrace
continue
continue
