set follow-fork-mode child
break child
run
backtrace
info inferiors
finish
continue
