break square
run
print $_exitcode
set var n = 10
finish
delete 1
next
print total
set var total = 1000
set var numbers[2] = 5
call square(7)
call sum(2)
tbreak square if n == 3
continue
print n
return 77
next
print total
set var $xmm0.uint128 = 17
print $xmm0.uint128
print $st0
set var $rax = -1
print $eax
jump 21
