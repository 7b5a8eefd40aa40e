# As first_minutes.sh, in fish, which is no POSIX shell.

set tests (cd (dirname (status filename)); and pwd)
if not set -q FIRST_MINUTES
    set home (mktemp -d); and mkdir $home/work; or exit 1
    set -q TERM; or set TERM dumb
    env -i FIRST_MINUTES=yes HOME=$home PATH=(string join : $PATH) TERM=$TERM LANG=C.UTF-8 (status fish-path) \
        $tests/first_minutes.fish
    set code $status
    rm -r $home
    exit $code
end

function try
    $argv[2..-1]
    set -l got $status
    test $got = $argv[1]; or echo "status $got, not $argv[1]: $argv[2..-1]" >>$WRONG
end

set WRONG $HOME/wrong
set README $tests/../README.md
cd $HOME/work; or exit 1
source $tests/first_minutes.commands
test ! -e $WRONG; or begin; cat $WRONG; exit 1; end
echo all is well
