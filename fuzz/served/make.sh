# make -j4 with its job server, which a make below it shares; a failure while another job goes on.
cd "$(mktemp -d)" || exit
cat >Makefile <<'M'
all: a b c below
a b c: ; @sleep 0.2; echo $@ >>done
below: ; +@$(MAKE) -s --no-print-directory d e f
d e f: ; @echo $@ >>done; echo '$(MAKEFLAGS)' | grep -o '[-]-jobserver-[a-z]*'
M
make -s -j4
sort done
cat >Fails <<'M'
all: x y
x: ; sleep 0.1; exit 3
y: ; sleep 0.5; echo y
M
make -f Fails -j2 2>&1
echo "status $?"
