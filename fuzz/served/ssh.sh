# OpenSSH's server and client: a command, a pipe, a terminal, a port that is passed on, sftp.
server=$(command -v sshd)
place=$(mktemp -d)
cd "$place" || exit
chmod 755 .
cp /etc/passwd passwd
grep -q '^sshd:' passwd || echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >>passwd
mount --bind passwd /etc/passwd
mount -t tmpfs none /run
mkdir -m 755 /run/sshd
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f me
cat >conf <<C
Port 2222
ListenAddress 127.0.0.1
HostKey $place/host
PidFile $place/pid
AuthorizedKeysFile $place/me.pub
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
C
printf '%s\n' 'Host there' 'HostName 127.0.0.1' 'Port 2222' 'User root' "IdentityFile $place/me" 'BatchMode yes' \
    'LogLevel error' 'StrictHostKeyChecking no' 'UserKnownHostsFile /dev/null' >client
there() { ssh -F client "$@"; }
"$server" -f conf -E "$place/log"
until [ -s pid ]; do sleep 0.05; done
there there 'id -un; echo "$SSH_CONNECTION" | cut -d" " -f3,4; exit 3' </dev/null
echo "status $?"
seq 20000 | there there cksum
TERM=vt100 there -tt there 'tty; stty size; echo "$TERM"' </dev/null | tr -d '\r'
there -N -L 3333:127.0.0.1:2222 there &
forward=$!
until bash -c 'exec 3<>/dev/tcp/127.0.0.1/3333' 2>/dev/null || ! kill -0 $forward 2>/dev/null; do sleep 0.1; done
bash -c 'exec 3<>/dev/tcp/127.0.0.1/3333; head -1 <&3' | cut -d- -f1,2
kill $forward
wait $forward
echo 'put log copy' | sftp -q -F client -b - "there:$place" >/dev/null
test -s copy && echo copied
kill "$(cat pid)"
while [ -e pid ]; do sleep 0.05; done
grep -c Accepted log
