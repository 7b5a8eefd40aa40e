# A server in Rust with a pool of threads (server.rs): requests by ab.
place=$(mktemp -d)
"$SERVED_RUST" 127.0.0.1:8003 &
server=$!
until curl -s -o /dev/null http://127.0.0.1:8003/; do sleep 0.05; done
curl -s http://127.0.0.1:8003/one
head -c 100000 /dev/zero | curl -s --data-binary @- http://127.0.0.1:8003/two
ab -q -n "${COUNT:-200}" -c 4 http://127.0.0.1:8003/ >"$place/ab"
grep -E '^(Complete|Failed)' "$place/ab"
sed -n 's/^Requests per second: *\([0-9]*\).*/figure: ab: \1 a second/p' "$place/ab"
curl -s http://127.0.0.1:8003/quit >"$place/quit"
wait $server
echo "status $?"
cat "$place/quit"
