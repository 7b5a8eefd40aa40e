handle SIGUSR2 nostop noprint pass
run
print $_siginfo.si_signo
print $_siginfo._sifields._kill.si_uid
signal 0
print handled
break handler
continue
backtrace 2
info signals SIGUSR1
finish
delete
catch signal SIGUSR2
continue
signal SIGUSR1
print handled
info breakpoints
delete
catch syscall getppid
continue
x/i $pc - 2
continue
print (long)$rax > 0
continue
print $_siginfo.si_signo
print $_siginfo._sifields._sigfault.si_addr
signal SIGUSR2
continue
print $_siginfo
kill
