set print thread-events off
break begin
run
info threads
delete
break 18
continue
backtrace 1
print mine
print total
set scheduler-locking on
next
next
print total
info threads
print $_thread
set scheduler-locking off
watch total
continue
print mine
thread apply all -ascending print $_thread
thread name last
thread find last
continue
delete
tbreak 45
continue
info threads
print total
continue
