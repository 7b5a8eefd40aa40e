# s6: services that say when they are ready, their supervisors, a server of local sockets, a logger.
place=$(mktemp -d)
cd "$place" || exit
if [ ! -e /usr/bin/s6-supervise ]; then # its programs look for each other there
    mkdir real bin
    mount --bind /usr/bin real
    ln -s "$place"/real/* "$(dirname "$(command -v s6-svscan)")"/s6* bin
    mount --bind bin /usr/bin
fi
mkdir -p scan/one scan/two
cat >scan/one/run <<'R'
#!/bin/sh
echo one starts >>../../log
echo >&3
exec 3>&-
trap 'echo one stops >>../../log; exit 0' TERM
while :; do sleep 0.1; done
R
echo 3 >scan/one/notification-fd
printf '#!/bin/sh\necho finish $1 $2 >>../../log\n' >scan/one/finish
printf '#!/bin/sh\nexec sleep 1000\n' >scan/two/run
chmod +x scan/*/run scan/one/finish
s6-svscan scan &
all=$!
until s6-svok scan/one && s6-svok scan/two; do sleep 0.05; done
s6-svwait -U -t 5000 scan/one
echo "ready: $?"
s6-svstat scan/one | sed 's/[0-9][0-9]*/N/g'
s6-svc -wr -T 5000 -r scan/one
echo "again: $?"
s6-svwait -U -t 5000 scan/one
s6-svc -wD -T 5000 -d scan/two
s6-svstat scan/two | sed 's/[0-9][0-9]*/N/g'
s6-ipcserver local sh -c 'read line; echo "you said $line"' &
server=$!
until [ -S local ]; do sleep 0.05; done
/usr/bin/python3 -c '
import socket
one = socket.socket(socket.AF_UNIX); one.connect("local"); one.sendall(b"hello\n"); print(one.recv(100).decode(), end="")'
kill $server
wait $server
echo "status $?"
echo hello | s6-log -b n3 s1000 "$place/logs"
cat logs/current
s6-svscanctl -t scan
wait $all
echo "status $?"
cat log
