set follow-fork-mode child
catch vfork
catch exec
tbreak 25
set follow-fork-mode parent
run
set follow-fork-mode child
continue
continue
info inferiors
continue
