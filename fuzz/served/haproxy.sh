# HAProxy with three threads before lighttpd: requests by ab, a server that is down, its own socket, a reload; socat.
cd "$(mktemp -d)" || exit
chmod 755 .
mkdir www
seq 50000 >www/numbers
echo hello >www/index.html
cat >behind <<C
server.document-root = "$PWD/www"
server.port = 8082
server.bind = "127.0.0.1"
server.pid-file = "$PWD/behind-pid"
server.errorlog = "$PWD/error"
index-file.names = ("index.html")
C
lighttpd -f behind
until curl -s http://127.0.0.1:8082/; do sleep 0.1; done
cat >conf <<C
global
  nbthread 3
  stats socket $PWD/stats mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend before
  bind 127.0.0.1:8083
  bind unix@$PWD/sock
  default_backend behind
backend behind
  option httpchk GET /
  server one 127.0.0.1:8082 check inter 200
  server two 127.0.0.1:8099 check inter 200
C
haproxy -W -D -p pid -f conf 2>/dev/null
state() { echo 'show stat' | socat - UNIX-CONNECT:stats | cut -d, -f1,2,18 | grep '^behind'; }
until state | grep -q two,DOWN; do sleep 0.1; done
state
curl -s http://127.0.0.1:8083/
curl -s --unix-socket sock http://local/numbers | cksum
ab -q -n "${COUNT:-200}" -c 4 http://127.0.0.1:8083/ >ab
grep -E '^(Complete|Failed)' ab
sed -n 's/^Requests per second: *\([0-9]*\).*/figure: ab: \1 a second/p' ab
workers() { cat /proc/[0-9]*/status | awk -v of="$(cat pid)" '/^Pid:/ { pid = $2 } /^PPid:/ && $2 == of { print pid }'; }
old=$(workers)
kill -USR2 "$(cat pid)"
while [ "$(workers)" = "$old" ] || [ "$(workers | wc -l)" != 1 ]; do sleep 0.1; done
curl -s http://127.0.0.1:8083/
kill "$(cat pid)" "$(cat behind-pid)"
while curl -s http://127.0.0.1:8082/ || curl -s http://127.0.0.1:8083/; do sleep 0.1; done
socat TCP-LISTEN:9000,fork,reuseaddr,bind=127.0.0.1 EXEC:'tr a-z A-Z' &
echoes=$!
for line in one two three; do
    until echo $line | socat -t 5 - TCP:127.0.0.1:9000 2>/dev/null; do sleep 0.1; done
done
kill $echoes
