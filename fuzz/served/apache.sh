# Apache with each of its three kinds of workers: requests by ab, its own status page, a graceful restart.
cd "$(mktemp -d)" || exit
chmod 755 .
mkdir www
echo hello >www/index.html
modules=$(dirname "$(dirname "$(command -v apache2)")")/lib/apache2/modules
for kind in prefork worker event; do
    cat >conf <<C
ServerRoot $PWD
ServerName localhost
Listen 127.0.0.1:8081
PidFile $PWD/pid
LoadModule mpm_${kind}_module $modules/mod_mpm_$kind.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule dir_module $modules/mod_dir.so
LoadModule mime_module $modules/mod_mime.so
LoadModule status_module $modules/mod_status.so
TypesConfig /dev/null
DocumentRoot $PWD/www
User nobody
Group nogroup
ErrorLog $PWD/error
StartServers 2
<Location /status>
SetHandler server-status
</Location>
C
    apache2 -f "$PWD/conf" -k start || exit
    until curl -s http://127.0.0.1:8081/; do sleep 0.1; done
    ab -q -k -n "${COUNT:-100}" -c 4 http://127.0.0.1:8081/ >ab
    grep -E '^(Complete|Failed|Keep-Alive)' ab
    sed -n "s/^Requests per second: *\\([0-9]*\\).*/figure: ab -k, $kind: \\1 a second/p" ab
    curl -s 'http://127.0.0.1:8081/status?auto' | grep -E 'ServerMPM|BusyWorkers'
    apache2 -f "$PWD/conf" -k graceful
    until [ "$(grep -c 'resuming normal operations' error)" = 2 ]; do sleep 0.1; done
    curl -s http://127.0.0.1:8081/
    apache2 -f "$PWD/conf" -k stop
    until grep -q 'caught SIGTERM' error; do sleep 0.1; done
    while [ -e pid ]; do sleep 0.1; done
    sed -n 's/^\[[^]]*\] \[\([a-z_]*:[a-z]*\)\].*\(AH[0-9]*\).*/\1 \2/p' error
    rm error
done
