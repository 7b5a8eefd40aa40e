"""The host's own programs, unmodified, in both worlds: shells, coreutils, findutils, busybox."""

# ruff: noqa: E501 -- a script stays in one piece

from __future__ import annotations

import pytest
from tests.surroundings import need

# What any POSIX shell does the same way. Each script is run by every shell below.
POSIX = {
    "echo_and_status": "echo one two; false; echo $?; true; echo $?; (exit 7); echo $?; ! false; echo $?",
    "pipeline": "printf 'b\\na\\nc\\na\\n' | sort | uniq -c | sort -rn | head -n 1; echo $?",
    "long_pipeline": "seq 1 1000 | grep 7 | sed s/7/x/g | tr x y | wc -l | cat | cat | cat",
    "pipeline_status_is_the_last": "true | false; echo $?; false | true; echo $?; exit 3 | cat; echo $?",
    "sigpipe_ends_the_writer": "yes | head -n 3; seq 1 100000 | head -n 1; echo done",
    "background_and_wait": "(sleep 0.02; echo second) & echo first; wait; echo third",
    "wait_for_a_status": "(exit 5) & p=$!; wait $p; echo $?; wait $p 2>/dev/null; (sleep 0.01; exit 6) & wait $!; echo $?",
    "many_jobs": "for i in 1 2 3 4 5; do (sleep 0.$i; echo job $i) & done; wait; echo all",
    "kill_a_job": "sleep 1000 & kill $!; wait $!; echo $?; sleep 1000 & kill -9 $!; wait $!; echo $?; sleep 1000 & kill -HUP $!; wait $!; echo $?",
    "killed_child_status": "sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?",
    "trap_exit": "trap 'echo leaving $?' EXIT; echo in; exit 4",
    "trap_signal": "trap 'echo got USR1' USR1; kill -USR1 $$; echo after; trap - USR1; trap '' TERM; kill -TERM $$; echo alive",
    "trap_during_wait": "trap 'echo trapped' USR1; (sleep 0.02; kill -USR1 $$; sleep 0.05) & wait; echo $(( $? > 128 )); wait; echo end",
    "trap_is_reset_in_subshell": "trap 'echo outer' EXIT; (echo inner; exit 2); echo $?",
    "subshell_is_apart": "x=1; (x=2; cd /usr; echo $x; pwd); echo $x; pwd; umask 022; (umask 077); umask",
    "command_substitution": 'x=$(echo a; echo b); echo "$x"; echo $(echo $(echo deep)); y=$(exit 9); echo $?; echo `expr 3 + 4`',
    "here_document": "cat <<A; cat <<'B'\nx is $((1+1))\nA\nx is $((1+1))\nB",
    "large_here_document": "cat <<A | wc -c\n$(seq 1 20000)\nA",
    "redirections": "cd $TMPDIR; echo x > f; echo y >> f; cat < f; cat nothing 2> err; echo $?; test -s err && echo message; echo to err 1>&2 2>&1; exec 5>g; echo five >&5; exec 5>&-; cat g; rm f g err",
    "redirect_both_ends": "cd $TMPDIR; { echo out; echo err >&2; } > both 2>&1; cat both; rm both; : < /dev/null; echo $?",
    "set_e": "set -e; echo a; if false; then :; fi; false || echo b; (false); echo never",
    "set_u_and_x": "set -u; (echo $nothing) 2>/dev/null; echo $?; echo ${nothing-default}",
    "pipefail_free_loop": "i=0; while [ $i -lt 50 ]; do i=$((i+1)); done; echo $i",
    "loop_reads_lines": "printf 'one\\ntwo words\\n\\nlast' | while read -r a b; do echo \"[$a][$b]\"; done; echo rest",
    "read_from_here": "while read x; do echo got $x; done <<A\n1\n2\nA\nread y < /dev/null; echo $?",
    "functions_and_locals": "f() { echo f $1 $#; return 3; }; f a b; echo $?; g() { x=inner; }; x=outer; g; echo $x",
    "exec_replaces": "echo before; exec echo instead; echo never",
    "exec_missing": "(exec /no/such/program) 2>/dev/null; echo $?; /etc/passwd 2>/dev/null; echo $?; / 2>/dev/null; echo $?; nothing-of-that-name 2>/dev/null; echo $?",
    "exec_in_a_script": "cd $TMPDIR; printf '#!/bin/sh\\necho script $0 $1; exit 8\\n' > s; chmod +x s; ./s arg; echo $?; sh s; rm s",
    "script_without_interpreter_line": "cd $TMPDIR; echo 'echo plain $1' > s; chmod +x s; ./s arg; rm s",
    "environment": "A=1 env | grep ^A=; export B=2; sh -c 'echo $B'; unset B; sh -c 'echo ${B-unset}'; env -i /usr/bin/env; echo $?",
    "ulimit": "ulimit -n; (ulimit -n 20; ulimit -n); ulimit -c; (ulimit -s 1000; ulimit -s); (ulimit -f 1; ulimit -f)",
    "process_ids": "test $$ = $(sh -c 'echo $PPID'); echo $?; test $PPID = 1; echo $?; x=$(echo $$); test $x = $$; echo $?",
    "orphan": "sh -c '(sleep 0.03; sh -c \"echo \\$PPID\" > $TMPDIR/pp) & exit 0'; sleep 0.1; test -s $TMPDIR/pp && echo written; rm $TMPDIR/pp",
    "nested_shells": 'sh -c \'sh -c "sh -c \\"exit 9\\""\'; echo $?',
    "case_and_patterns": "for f in a.c b.h c; do case $f in *.c) echo C;; *.h) echo H;; *) echo other;; esac; done; cd /usr; echo s?in; echo nothing*here",
    "arithmetic_and_test": "echo $((3 * (4 + 5) % 7)); [ 3 -lt 10 ] && echo less; [ abc = abd ] || echo differ; [ -d / -a ! -f / ] && echo dir",
    "printf_formats": "printf '%d %05d %x %s|%-5s|%c\\n' 42 42 255 str ab xyz; printf '%s\\n' a b c; printf 'no newline'",
    "files": "cd $TMPDIR; mkdir -p a/b/c; touch a/1 a/b/2 a/b/c/3; ls -R a; rm -r a/b; find a; mv a z; ls -d z; rmdir z 2>/dev/null; echo $?; rm -r z",
    "links": "cd $TMPDIR; echo x > f; ln f g; ln -s f h; cat h; rm f; cat g; cat h 2>/dev/null; echo $?; readlink h; rm g h",
    "modes": "cd $TMPDIR; umask 027; touch f; mkdir d; stat -c '%a %F' f d; chmod 4711 f; stat -c %a f; rm -r f d",
    "tee_and_fifo": "cd $TMPDIR; mkfifo p; cat p > out & echo through the fifo | tee p; wait; cat out; rm p out",
    "head_tail_cut": "seq 1 20 | tail -n 3; seq 1 20 | head -c 5; echo; echo a:b:c | cut -d: -f2; seq 1 6 | paste -s -d, -",
    "checksums": "seq 1 5000 | md5sum; seq 1 5000 | cksum; seq 1 5000 | sha256sum | cut -c1-16",
    "dd": "dd if=/dev/zero bs=1000 count=50 2>/dev/null | wc -c; dd if=/dev/zero of=$TMPDIR/z bs=1024 count=3 seek=2 2>/dev/null; wc -c < $TMPDIR/z; rm $TMPDIR/z",
    "time_out": "timeout 0.05 sleep 100; echo $?; timeout 5 true; echo $?; timeout -s KILL 0.05 sleep 100; echo $?",
    "nice_and_nohup": 'nice; nice -n 5 nice; nohup echo kept 2>/dev/null; sh -c \'trap "" HUP; exec sh -c "kill -HUP \\$\\$; echo survived"\'',
    "dates": "date -u -d @0 +%F; date -u -d @86399 +%T; test $(date +%s) -gt 0; echo $?",
    "proc": "cat /proc/self/comm; readlink /proc/self/exe | sed 's,.*/,,'; tr '\\0' ' ' < /proc/self/cmdline; echo; ls /proc/self/fd | wc -l; grep ^State /proc/self/status",
    "devices": "echo gone > /dev/null; head -c 3 /dev/zero | od -An -tx1; echo $?; cat /dev/null | wc -c; head -c 16 /dev/urandom | wc -c",
    "stdin_is_shared": "cd $TMPDIR; seq 1 5 > f; { read a; read b; cat; } < f | tr '\\n' ' '; echo; rm f",
    "close_standard_files": "(echo x >&-) 2>/dev/null; echo $?; (cat <&-) 2>/dev/null; echo $?",
    "uname": "uname -s; uname -r; uname -m",
}

# Needs a program beyond the shell and coreutils; the test says its name if it is not there.
WITH_PROGRAM = {
    "find_and_xargs": (
        "xargs",
        "cd $TMPDIR; mkdir d; touch d/a d/b 'd/c c'; find d -type f | sort | xargs -d '\\n' -n 1 echo; find d -name 'a*' -exec echo {} +; seq 1 10 | xargs -n 4 echo; seq 1 4 | xargs -P 2 -n 1 true; echo $?; rm -r d",
    ),
    "xargs_status": (
        "xargs",
        "echo 1 | xargs false; echo $?; echo 1 | xargs sh -c 'exit 255' 2>/dev/null; echo $?; echo 1 | xargs /no/such 2>/dev/null; echo $?",
    ),
    "awk": (
        "awk",
        'seq 1 10 | awk \'{ s += $1 } END { print s }\'; awk \'BEGIN { "echo sub" | getline x; print x; system("exit 3"); print "z" | "cat" }\'',
    ),
    "sed": ("sed", "seq 1 5 | sed -n '2,4p;$s/5/five/p'; printf 'a b\\n' | sed 's/\\(.\\) \\(.\\)/\\2 \\1/'"),
    "grep": (
        "grep",
        "printf 'x1\\ny2\\nx3\\n' | grep -c x; grep -q root /etc/passwd; echo $?; grep nothing-like-it /etc/passwd; echo $?",
    ),
    "perl": (
        "perl",
        'perl -e \'my $p = fork; if (!$p) { exit 3 } waitpid $p, 0; print $? >> 8, "\\n"; $SIG{ALRM} = sub { print "rang\\n" }; alarm 1; sleep 5; print `echo sub`; kill 9, $$\'; echo $?',
    ),
    "tar": (
        "tar",
        "cd $TMPDIR; mkdir d; seq 1 2000 > d/f; ln -s f d/l; tar cf - d | tar tf - | sort; tar czf a.tgz d && tar xzOf a.tgz d/f | md5sum; rm -r d a.tgz",
    ),
    "gzip": ("gzip", "seq 1 5000 | gzip -c | gzip -dc | md5sum"),
    "make": (
        "make",
        "cd $TMPDIR; printf 'all: a b\\n\\t@echo all\\na b:\\n\\t@sleep 0.01; echo $@\\nbad:\\n\\t@exit 3\\n' > Makefile; make -s; make -s -j2 a b | sort; make -s bad 2>/dev/null; echo $?; rm Makefile",
    ),
    "unshare_and_mount": (
        "unshare",
        "cd $TMPDIR; mkdir m; unshare -m sh -c 'mount -t tmpfs -o mode=700 none m && stat -c %a m; mount --bind /usr m; test -d m/bin; echo $?; mount --make-shared m; grep -c \"/m .* shared:\" /proc/self/mountinfo; umount m; mkdir m/a m/b; mount --move m m 2>/dev/null; echo $?; mount -t tmpfs none m/a; mount --move m/a m/b; umount m/b; umount -l m; grep -c \"/m \" /proc/self/mountinfo'; unshare -u sh -c 'echo inside > /proc/sys/kernel/hostname; uname -n'; test $(uname -n) = inside; echo $?; rmdir m",
    ),
    "python3": (
        "python3",
        "python3 -S -E -c 'import os; p = os.fork(); p or os._exit(3); print(os.waitpid(p, 0)[1] >> 8)'",
    ),
}

BASH = {
    "pipefail": "set -o pipefail; false | true; echo $?; echo ${PIPESTATUS[@]}",
    "process_substitution": "cat <(echo a) <(echo b); diff <(seq 3) <(seq 4); echo $?; echo in > >(cat); wait $!",
    "coproc": "coproc { read x; echo got $x; }; echo hello >&${COPROC[1]}; read y <&${COPROC[0]}; echo $y; wait",
    "arrays_and_strings": "a=(x y z); echo ${a[1]} ${#a[@]}; s=hello; echo ${s^^} ${s:1:3} ${s/l/L}; declare -A m=([k]=v); echo ${m[k]}",
    "wait_n": "(sleep 0.05; exit 2) & (sleep 0.01; exit 1) & wait -n; echo $?; wait -n; echo $?",
    "job_control": "set -m; sleep 100 & kill -STOP %1; sleep 0.02; jobs -s | wc -l; kill -CONT %1; kill %1; wait %1 2>/dev/null; echo $?",
    "own_groups": "set -m; sleep 0.05 & test $(ps -o pgid= $! 2>/dev/null || cut -d' ' -f5 /proc/$!/stat) = $!; echo $?; wait",
    "trap_debug_err_return": "trap 'echo err' ERR; false; f() { trap 'echo ret' RETURN; :; }; f; trap 'echo chld' CHLD; true | true; sleep 0.01; /bin/true; echo end",
    "read_timeout": "read -t 0.02 x < <(sleep 0.2); echo $(( $? > 128 )); read -n 2 x <<< abc; echo $x",
    "suspend_and_bg": "sh -c 'kill -STOP $$; echo resumed' & sleep 0.03; kill -CONT $!; wait $!; echo $?",
    "exec_fd": "exec 3< <(seq 3); read a <&3; read b <&3; echo $a $b; exec 3<&-",
    "globs": "shopt -s nullglob extglob; cd /; echo /nothing-*-here | wc -w; for f in @(usr|etc); do echo $f; done",
    "ulimit_u": "ulimit -S -n 50; ulimit -n; ulimit -H -n; ulimit -a | wc -l",
    "times_and_seconds": "s=$SECONDS; sleep 0.1; echo $(( SECONDS - s < 5 )); TIMEFORMAT=%R; { time true; } 2>&1 | grep -c '^[0-9]'",
}

SHELLS = ["dash", "bash", "busybox", "bash-static"]


def shell_command(shell):
    path = need(shell)
    return [path, "sh"] if shell == "busybox" else [path]


@pytest.mark.parametrize("script", POSIX)
@pytest.mark.parametrize("shell", SHELLS)
def test_shell(shell, script, same_as_host):
    """A shell does with processes inside what it does on the host."""
    same_as_host([*shell_command(shell), "-c", POSIX[script]])


@pytest.mark.parametrize("name", WITH_PROGRAM)
def test_program_of_the_host(name, same_as_host):
    """Other programs do so too."""
    program, script = WITH_PROGRAM[name]
    need(program)
    same_as_host([*shell_command("dash"), "-c", script])


@pytest.mark.parametrize("script", BASH)
@pytest.mark.parametrize("shell", ["bash", "bash-static"])
def test_bash(shell, script, same_as_host):
    """What only bash has: job control, coprocesses, process substitution."""
    same_as_host([*shell_command(shell), "-c", BASH[script]])


def test_script_on_standard_input(same_as_host):
    """A shell reads its script, and its commands read on from there."""
    same_as_host(shell_command("dash"), stdin=b"echo from stdin\nread x\nthe line\necho $x\ncat\nrest\nof it\n")


def test_standard_error_is_apart(same_as_host):
    """Each stream arrives where it belongs."""
    same_as_host([*shell_command("dash"), "-c", "echo out; echo err >&2; exec >&2; echo more"], stderr=True)


@pytest.mark.parametrize(
    "applet",
    [
        "ash -c 'echo $((6*7))'",
        "sort -r",
        "seq 3",
        "awk '{n+=length} END {print n}'",
        "wc",
        "sha1sum",
        "vi --help 2>&1 | head -n 1",
        "xargs -n2 echo",
        "cut -c2-",
        "tac",
        "expr 6 '*' 7",
        "factor 1001",
        "bc",
    ],
)
def test_busybox(applet, same_as_host):
    """Busybox is one program that is many."""
    busybox = shell_command("busybox")[0]
    same_as_host([busybox, "sh", "-c", f"printf '12\\n7\\n30\\n' | {busybox} {applet}"])
