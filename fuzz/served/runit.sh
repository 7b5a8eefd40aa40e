# runit: services that run, log, fail and are started again, told by sv; all end with runsvdir.
cd "$(mktemp -d)" || exit
mkdir -p services/one/log services/two log
cat >services/one/run <<'R'
#!/bin/sh
exec 2>&1
echo one starts
trap 'echo one stops; exit 0' TERM
trap 'echo one hangs up' HUP
while :; do sleep 0.1; done
R
printf '#!/bin/sh\necho finish $1 $2\n' >services/one/finish
printf '#!/bin/sh\nexec svlogd %s/log\n' "$PWD" >services/one/log/run
printf '#!/bin/sh\necho two >>%s/two\nexit 3\n' "$PWD" >services/two/run
chmod +x services/*/run services/one/finish services/one/log/run
masked() { sed 's/pid [0-9]*/pid N/g; s/[0-9]*s\b/Ns/g'; }
export SVDIR=$PWD/services
runsvdir -P services log: 2>errors &
all=$!
until grep -q 'one starts' log/current 2>/dev/null; do sleep 0.1; done
sv status one | masked
sv hup one
until grep -q 'hangs up' log/current; do sleep 0.1; done
sv restart one | masked
until [ "$(grep -c 'one starts' log/current)" = 2 ] && [ "$(wc -l <two)" -gt 1 ]; do sleep 0.1; done
sv down two
until sv status two | grep -q '^down: two: [0-9]*s, normally up$'; do sleep 0.1; done
sv -w 10 force-stop one | sed 's/: [0-9]*s.*//'
until [ "$(grep -c finish log/current)" = 2 ]; do sleep 0.1; done
kill -HUP $all
wait $all
echo "status $?"
while pgrep -x runsv >/dev/null; do sleep 0.1; done
cat log/current
