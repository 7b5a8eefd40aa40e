# For tini and catatonit: an orphan is reaped, a signal is passed on, the status is handed back.
(sh -c 'sleep 0.1; exit 5' &)
sleep 0.5
cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z'
trap 'echo told; exit 7' TERM
kill $PPID
while :; do sleep 0.1; done
