# MariaDB, InnoDB with the kernel's asynchronous I/O: over TCP and a local socket, a row that another waits for.
cd "$(mktemp -d)" || exit
messages=$(dirname "$(dirname "$(command -v mariadbd)")")/share/mysql
mkdir data
mariadbd --no-defaults --user=root --datadir="$PWD/data" --lc-messages-dir="$messages" --plugin-dir="$PWD" --skip-grant-tables \
    --socket="$PWD/sock" --port=3307 --bind-address=127.0.0.1 --pid-file="$PWD/pid" --innodb-log-file-size=4M \
    --innodb-buffer-pool-size=8M 2>log &
server=$!
until [ -S sock ]; do sleep 0.1; done
ask() { mariadb --no-defaults -h 127.0.0.1 -P 3307 -N -e "$1"; }
ask "create database d; create table d.t (a int primary key, b text) engine=innodb; insert into d.t values (1, 'x'), (2, 'y'); select * from d.t"
ask "start transaction; update d.t set b = 'first' where a = 1; do sleep(0.5); commit" &
sleep 0.25
ask "update d.t set b = concat(b, ' second') where a = 1; select b from d.t where a = 1"
wait $!
mariadb --no-defaults -S sock -N -e "select count(*) from d.t; checksum table d.t; shutdown"
wait $server
echo "status $?"
grep -cE '\[ERROR\]' log
grep -o 'Shutdown complete' log
