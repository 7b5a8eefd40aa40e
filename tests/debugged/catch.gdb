catch fork
catch vfork
catch exec
run
continue
continue
