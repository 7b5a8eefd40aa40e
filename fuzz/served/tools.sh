# What looks at processes' files and sockets: ss, ip, fuser, lsof.
cd "$(mktemp -d)" || exit
echo x >file
mkfifo fifo
/usr/bin/python3 -c '
import os, socket, time
listens = socket.socket(); listens.bind(("127.0.0.1", 7000)); listens.listen(5)
calls = socket.socket(); calls.bind(("127.0.0.1", 7009)); calls.connect(("127.0.0.1", 7000)); answers, _ = listens.accept()
local = socket.socket(socket.AF_UNIX); local.bind("local"); local.listen(3)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); names.bind(("127.0.0.1", 7001))
six = socket.socket(socket.AF_INET6); six.bind(("::1", 7002)); six.listen(1)
file, fifo = open("file"), os.open("fifo", os.O_RDWR)
pair = socket.socketpair()
answers.send(b"unread")
open("ready", "w").close()
time.sleep(1000)' &
holder=$!
until [ -e ready ]; do sleep 0.05; done
masked() { sed "s/\\bp\\?$holder\\b/HOLDER/g; s,$PWD,PLACE,g"; }
echo "ss -tanx"
ss -tanx | awk '$1 ~ /tcp/ { print $2, $3, $5 } $5 ~ /local$/ { print $1, $2 }' | sort
echo "ss -uan"
ss -uan | awk '{ print $1, $4 }'
echo "ss -tlnp"
ss -tlnp 2>/dev/null | awk '{ print $4, $6 }' | masked | sort
echo "ip addr"
ip addr | grep -v valid_lft | sed 's/mtu [0-9]*/mtu N/; s/ *qlen [0-9]*//; s/ *$//'
ip -o link show lo | sed 's/mtu [0-9]*/mtu N/; s/ *qlen [0-9]*//; s/ *\\/\\/'
ip -br addr | sed 's/ *$//'
ip route show table local type local
echo "fuser"
for of in file fifo local '-n tcp 7000' '-n udp 7001'; do fuser $of 2>&1 | masked | tr -s ' '; done
fuser -v file 2>&1 | masked | tr -s ' '
echo "lsof"
lsof -a -p $holder -d 3-20 -F fatPn 2>/dev/null | masked
lsof -t "$PWD/file" | masked
lsof -nP -iTCP:7000 -sTCP:LISTEN -t | masked
fuser -s -k file
wait $holder
echo "status $?"
