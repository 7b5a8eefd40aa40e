# python3 -m http.server: curl, one after another and five at once.
cd "$(mktemp -d)" || exit
mkdir www
seq 2000 >www/numbers
/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory www 8000 >/dev/null 2>log &
server=$!
until curl -s -o /dev/null http://127.0.0.1:8000/; do sleep 0.05; done
curl -s http://127.0.0.1:8000/numbers | cksum
curl -s -o /dev/null -w '%{http_code} %{remote_ip} %{size_download}\n' http://127.0.0.1:8000/nothing
curl -s http://127.0.0.1:8000/ | grep href
for i in 1 2 3 4 5; do curl -s http://127.0.0.1:8000/numbers & done | sort | uniq -c | awk '{ print $1 }' | uniq -c
kill $server
wait $server
echo "status $?"
sed 's/\[.*\]//' log
