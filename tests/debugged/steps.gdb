break square
run
backtrace
info breakpoints
step
print n
next
finish
up
info locals
delete 1
tbreak 17 if n == 3
continue
step
print $_siginfo.si_signo
until 10
x/i $pc
stepi
info registers eflags
info symbol $pc
advance 26
print numbers
continue
