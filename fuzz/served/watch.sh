# inotifywait and inotifywatch: a tree that changes, a time-out, a file that is waited for.
cd "$(mktemp -d)" || exit
mkdir tree
inotifywait -q -m -r --format '%w %e %f' -o events tree &
watcher=$!
until grep -q begun events 2>/dev/null; do touch tree/.begun; sleep 0.1; done
echo a >tree/one
mv tree/one tree/two
mkdir tree/d
sleep 0.3
touch tree/d/x
ln tree/two tree/d/y
chmod 600 tree/two
rm tree/two
rm tree/d/x tree/d/y
rmdir tree/d
touch tree/end
until grep -q 'CLOSE.* end' events; do sleep 0.05; done
kill $watcher
wait $watcher
echo "status $?"
grep -v -e begun -e ACCESS,ISDIR events # 3.2 does not tell that a directory is read
inotifywait -q -t 1 tree
echo "status $?"
(
    sleep 0.3
    echo x >tree/late
) &
inotifywait -q -e close_write tree
echo "status $?"
