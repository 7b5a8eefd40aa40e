# nginx with three workers over TCP and a local socket: requests by ab, itself as a proxy, a reload while it serves.
cd "$(mktemp -d)" || exit
chmod 755 .
mkdir www
echo hello >www/index.html
cat >conf <<C
worker_processes 3;
pid $PWD/pid;
error_log $PWD/error notice;
events { worker_connections 64; }
http {
    access_log $PWD/access;
    client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
    uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
    sendfile on;
    server {
        listen 127.0.0.1:8080;
        listen unix:$PWD/sock;
        root $PWD/www;
        location /through/ { proxy_pass http://unix:$PWD/sock:/; }
    }
}
C
workers() { cat /proc/[0-9]*/status | awk -v of="$(cat pid)" '/^Pid:/ { pid = $2 } /^PPid:/ && $2 == of { print pid }'; }
bench() {
    ab -q -n "${COUNT:-200}" -c 4 "$@" http://127.0.0.1:8080/ >ab
    grep -E '^(Complete|Failed|Non-2xx|Keep-Alive)' ab
    sed -n "s/^Requests per second: *\\([0-9]*\\).*/figure: ab${1:+ }$*: \\1 a second/p" ab
}
nginx -p "$PWD" -c conf -t 2>/dev/null && echo good
nginx -p "$PWD" -c conf
curl -s --unix-socket sock http://local/
curl -s http://127.0.0.1:8080/through/
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/nothing
bench
bench -k
old=$(workers)
echo hello again >www/index.html
nginx -p "$PWD" -c conf -s reload 2>/dev/null
until new=$(workers) && [ "$(echo "$new" | wc -l)" = 3 ] && ! echo "$new" | grep -qxF "$old"; do sleep 0.05; done
curl -s http://127.0.0.1:8080/
nginx -p "$PWD" -c conf -s quit 2>/dev/null
while [ -e pid ]; do sleep 0.05; done
ls
wc -l <access
grep -cE ': gracefully shutting down' error
grep -E '\[(alert|emerg|crit|error|warn)\]' error | grep -v nothing
sed -n 's/.*\(worker process\) [0-9]* \(exited.*\)/\1 \2/p' error | sort | uniq -c
