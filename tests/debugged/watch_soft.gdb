set can-use-hw-watchpoints 0
break sum
run
watch total
continue
continue
print numbers
continue
print numbers
delete
continue
