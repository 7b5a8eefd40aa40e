# A new user's first five minutes, in whatever shell reads this: `bash tests/first_minutes.sh`, or sh, dash, zsh.
# It takes `procession`, and the `python3` that has the package, from PATH, and leaves nothing behind. At a terminal the
# commands have it, too. It ends with 1 and says so if a command ends otherwise than it should. In fish:
# `fish tests/first_minutes.fish`.

tests=$(cd "$(dirname "$0")" && pwd)
if [ -z "$FIRST_MINUTES" ]; then
    home=$(mktemp -d) && mkdir "$home/work" || exit 1
    env -i FIRST_MINUTES=yes HOME="$home" PATH="$PATH" TERM="${TERM:-dumb}" LANG=C.UTF-8 \
        "$(readlink "/proc/$$/exe")" "$tests/first_minutes.sh"
    code=$?
    rm -r "$home"
    exit "$code"
fi

# try STATUS COMMAND...: it ends so. (A pipe's last part is a process of its own in some shells, so it is written down.)
try() {
    wanted=$1
    shift
    "$@"
    got=$?
    [ "$got" = "$wanted" ] || echo "status $got, not $wanted: $*" >>"$WRONG"
}

WRONG=$HOME/wrong README=$tests/../README.md
cd "$HOME/work" || exit 1
. "$tests/first_minutes.commands"
[ ! -e "$WRONG" ] || { cat "$WRONG"; exit 1; }
echo all is well
