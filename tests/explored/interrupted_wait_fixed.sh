# interrupted_wait.sh as it should be: wait until a wait was not interrupted.
trap 'echo "got TERM"; interrupted=1' TERM
(sleep 0.1; kill $$) &
job=$!
while
  interrupted=
  wait $job
  status=$?
  [ "$interrupted" ] && [ $status -gt 128 ]
do :; done
echo "the job ended with $status"
exit $status
