# memcached with four threads: six clients at once over TCP, one over UDP, one over a local socket.
cd "$(mktemp -d)" || exit
memcached -u root -l 127.0.0.1 -p 11211 -U 11211 -t 4 &
first=$!
memcached -u root -s "$PWD/sock" -t 2 &
second=$!
/usr/bin/python3 - <<'P'
import socket, threading, time

def connect(family, address):
    for _ in range(200):
        s = socket.socket(family)
        try:
            s.connect(address)
            return s
        except OSError:
            time.sleep(0.05)

def client(n, lines):
    f = connect(socket.AF_INET, ("127.0.0.1", 11211)).makefile("rwb")
    for i in range(20):
        f.write(b"set k%d-%d 0 0 5\r\nhello\r\nget k%d-%d\r\nincr all 1\r\n" % (n, i, n, i))
        f.flush()
        lines.update(f.readline() for _ in range(4))
        f.readline()

connect(socket.AF_INET, ("127.0.0.1", 11211)).sendall(b"set all 0 0 1\r\n0\r\n")
time.sleep(0.1)
lines = [set() for _ in range(6)]
threads = [threading.Thread(target=client, args=pair) for pair in enumerate(lines)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print([len(each) for each in lines])
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(b"\0\1\0\0\0\1\0\0get all k1-1\r\n", ("127.0.0.1", 11211))
print(u.recv(1000)[8:])
s = connect(socket.AF_UNIX, "sock")
s.sendall(b"version\r\n")
print(s.recv(100)[:7])
P
kill $first $second
wait $first
echo "status $?"
wait $second
echo "status $?"
