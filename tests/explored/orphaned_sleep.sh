# A service that is told to end leaves its sleep behind: the trap kills "$pid", which is not set yet.
# The signal comes after the shell has forked the sleep and before it has set the variable.
# "$!" is set by the fork itself. After swift-subprocess #289, whose tests left sleeps behind by the dozen.
service() {
  trap 'kill $pid 2>/dev/null; exit 0' TERM
  echo ready
  sleep 300 &
  pid=$!
  wait
}
mkfifo /tmp/ready.$$
service >/tmp/ready.$$ &
read line </tmp/ready.$$
kill $!
wait $!
echo "exit $?"
rm /tmp/ready.$$
