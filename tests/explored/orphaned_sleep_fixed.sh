# orphaned_sleep.sh as it should be: the trap kills "$!", which is set by the fork itself, and waits for it.
service() {
  trap 'kill $! 2>/dev/null; wait $!; exit 0' TERM
  echo ready
  sleep 300 &
  wait
}
mkfifo /tmp/ready.$$
service >/tmp/ready.$$ &
read line </tmp/ready.$$
kill $!
wait $!
echo "exit $?"
rm /tmp/ready.$$
