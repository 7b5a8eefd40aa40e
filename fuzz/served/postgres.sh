# PostgreSQL: initdb, a server on TCP and a local socket, psql, pgbench with two clients, a lock that another waits for.
PATH=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1):$PATH
place=$(mktemp -d)
cd "$place" || exit
chmod 777 .
as() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
ask() { as psql -h 127.0.0.1 -p 5433 -U me -d postgres -qAtX "$@"; }
as initdb -D data -A trust -U me --no-locale -E UTF8 --no-sync >/dev/null && echo made
as pg_ctl -D data -w -t 600 -l "$place/log" -o "-h 127.0.0.1 -p 5433 -k $place" start | tail -1
ask -c "create table t (a int primary key, b text)" \
    -c "insert into t select i, 'x' || i from generate_series(1, 500) i" -c "select count(*), sum(a), max(b) from t"
ask -c "select inet_client_addr()"
as psql -h "$place" -p 5433 -U me -d postgres -qAtX -c "select inet_client_addr() is null"
ask -c "begin" -c "lock table t" -c "select pg_sleep(0.5)" -c "update t set b = 'first' where a = 1" -c "commit" &
sleep 0.25
ask -c "update t set b = b || ' second' where a = 1" -c "select b from t where a = 1"
wait
printf 'listen news;\nnotify news, '"'"'hello'"'"';\n' | ask | sed 's/PID [0-9]*/PID N/'
as pgbench -h 127.0.0.1 -p 5433 -U me -i -q postgres 2>&1 | sed -n 's/^\(done\) in.*/\1/p'
as pgbench -h 127.0.0.1 -p 5433 -U me -c 2 -t "${COUNT:-40}" postgres >bench 2>&1
grep -E 'processed|failed' bench
sed -n 's/^tps = \([0-9]*\).*/figure: pgbench: \1 transactions a second/p' bench
as pg_ctl -D data -w -m fast stop | tail -1
grep -cE 'FATAL|PANIC' log
