break sum
run
watch total
rwatch numbers[2]
awatch numbers[3]
continue
continue
continue
continue
continue
continue
continue
info watchpoints
continue
continue
