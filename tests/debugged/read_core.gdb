backtrace
print numbers
print counter
info registers rip
x/i $pc
