info inferiors
up-silently 5
info locals
print go
set var go = 2
break answer
continue
backtrace
delete
detach
