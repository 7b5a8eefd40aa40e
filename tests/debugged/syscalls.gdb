break main
run
stepi 2
x/i $pc
print $rcx == $pc
print $rax > 0
stepi
x/i $pc
catch syscall write
continue
print $orig_rax
print $rax
print $rdi
set var $rdx = 4
continue
print $rax
continue
print (int)$rdi
set var $orig_rax = -1
continue
print $rdi
set var $rdi = 77
continue
print (int)$rax
set var $rax = 6
finish
next
print answer
info breakpoints
continue
