set detach-on-fork off
set follow-fork-mode parent
set schedule-multiple on
break child
catch fork
run
info inferiors
delete 2
continue
info inferiors
finish
info threads
continue
inferior 1
info inferiors
set schedule-multiple off
set detach-on-fork on
break parent
continue
print status
up
print pid == $_inferior
detach
info inferiors
