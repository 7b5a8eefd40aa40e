# Redis over TCP and a local socket: redis-benchmark, transactions, publish and subscribe, a dump by its fork.
cd "$(mktemp -d)" || exit
redis-server --port 6379 --bind 127.0.0.1 --unixsocket "$PWD/sock" --save '' --dir "$PWD" --logfile log &
server=$!
until redis-cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
bench() {
    over=$1
    shift
    redis-benchmark -q -n "${COUNT:-1000}" -c 5 "$@" | tr '\r' '\n' | sed -n 's|^\([A-Z_]*\): \([0-9a-z]*\)[.]\?.* requests.*|\1 \2|p' |
        while read -r what rate; do echo "$what ends"; echo "figure: $what$over: $rate a second"; done
}
bench '' -p 6379 -t ping,set,get
bench ', local' -s "$PWD/sock" -t set,get
redis-cli set a 17
redis-cli -s "$PWD/sock" incr a
printf 'multi\nincr a\nincr a\nexec\n' | redis-cli
redis-cli --csv subscribe news >heard &
until [ "$(redis-cli pubsub numsub news | tail -1)" = 1 ]; do sleep 0.05; done
redis-cli publish news hello
until grep -q hello heard; do sleep 0.05; done
cat heard
redis-cli config set save '3600 1'
redis-cli bgsave
until redis-cli info persistence | grep -q rdb_bgsave_in_progress:0; do sleep 0.05; done
test -s dump.rdb && echo dumped
redis-cli blpop nothing 1
redis-cli shutdown nosave 2>/dev/null
wait $server
echo "status $?"
