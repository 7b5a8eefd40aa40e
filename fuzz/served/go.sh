# A server of Go's net/http with threads (server.go): requests by ab, one that is slow while it ends.
place=$(mktemp -d)
"$SERVED_GO" 127.0.0.1:8002 &
server=$!
until curl -s -o /dev/null http://127.0.0.1:8002/; do sleep 0.05; done
curl -s http://127.0.0.1:8002/one
head -c 100000 /dev/zero | curl -s --data-binary @- http://127.0.0.1:8002/two
for options in '' -k; do
    ab -q -n "${COUNT:-200}" -c 4 $options http://127.0.0.1:8002/ >"$place/ab"
    grep -E '^(Complete|Failed|Keep-Alive)' "$place/ab"
    sed -n "s/^Requests per second: *\\([0-9]*\\).*/figure: ab${options:+ }$options: \\1 a second/p" "$place/ab"
done
curl -s http://127.0.0.1:8002/slow >"$place/slow" &
slow=$!
sleep 0.3
kill $server
wait $slow $server
echo "status $?"
cat "$place/slow"
