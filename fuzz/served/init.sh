# For tini and catatonit: an orphan is theirs and is reaped, a signal is passed on, the status is handed back.
cd "$(mktemp -d)" || exit
(sh -c 'sleep 0.1; read -r _ _ _ parent _ </proc/$$/stat; echo "$parent" >parent; exit 5' &)
sleep 0.5
[ "$(cat parent)" = $PPID ] && echo adopted
cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z'
trap 'echo told; exit 7' TERM
kill $PPID
while :; do sleep 0.1; done
