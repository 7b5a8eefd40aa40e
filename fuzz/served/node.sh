# Node's http: bodies, requests by ab, a child that shares the listening socket, an end by a signal.
node "$(dirname "$0")/server.js" 8001 &
server=$!
until curl -s -o /dev/null http://127.0.0.1:8001/; do sleep 0.05; done
curl -s http://127.0.0.1:8001/one
head -c 100000 /dev/zero | curl -s --data-binary @- http://127.0.0.1:8001/two
ab -q -n "${COUNT:-200}" -c 4 http://127.0.0.1:8001/ >"${TMPDIR:-/tmp}/ab.$$"
grep -E '^(Complete|Failed)' "${TMPDIR:-/tmp}/ab.$$"
sed -n 's/^Requests per second: *\([0-9]*\).*/figure: ab: \1 a second/p' "${TMPDIR:-/tmp}/ab.$$"
kill $server
wait $server
echo "status $?"
