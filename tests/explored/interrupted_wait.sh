# A script takes a job that did well for one that was killed: its wait was interrupted by a signal with a trap.
# Such a wait returns 128 + the signal; only waiting again says how the job has ended. After the race of a trap with
# wait that swift-subprocess #289 tells of, too: 143 where 0 was meant.
trap 'echo "got TERM"' TERM
(sleep 0.1; kill $$) &
wait $!
status=$?
echo "the job ended with $status"
exit $status
