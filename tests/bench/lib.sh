# lib.sh - sourced by run.sh and tests/soak.sh: processes that are started,
# waited for and ended again, by their pid.
#
# Before it is sourced: T is the run-time folder, O the build, HERE the folder
# tests/bench.
# shellcheck shell=bash

declare -A PIDS=()

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# launch NAME COMMAND...: in the background; PID and PIDS[NAME]; its output
# goes to T/run/NAME.out
launch() {
	local name=$1
	shift
	"$@" >"$T/run/$name.out" 2>&1 </dev/null &
	PID=$!
	PIDS[$name]=$PID
}

# until_ready NAME COMMAND...: asks every 50 ms, 90 s at most
until_ready() {
	local name=$1 i
	shift
	for ((i = 0; i < 1800; i++)); do
		"$@" 2>/dev/null && return 0
		kill -0 "${PIDS[$name]}" 2>/dev/null || break
		sleep 0.05
	done
	echo "$name does not come up:" >&2
	tail -n 5 "$T/run/$name"*.out >&2
	return 1
}

# stop NAME...: ends it, with patience of 10 s
stop() {
	local name i
	for name in "$@"; do
		[ -n "${PIDS[$name]:-}" ] || continue
		kill "${PIDS[$name]}" 2>/dev/null
		for ((i = 0; i < 200; i++)); do
			kill -0 "${PIDS[$name]}" 2>/dev/null || break
			sleep 0.05
		done
		kill -9 "${PIDS[$name]}" 2>/dev/null
		wait "${PIDS[$name]}" 2>/dev/null
		unset "PIDS[$name]"
	done
}

stop_all() {
	stop "${!PIDS[@]}"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# answers PORT: does a DNS server answer there?
answers() {
	/usr/bin/python3 - "$1" <<-'PY'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(0.3)
		s.connect(("127.0.0.1", int(sys.argv[1])))
		s.send(b"\1\2\1\0\0\1\0\0\0\0\0\0\2s0\7example\0\0\20\0\1")
		sys.exit(s.recv(512)[7] < 1)
	PY
}

# free_port: one that nobody uses now, for TCP and UDP
free_port() {
	/usr/bin/python3 - <<-'PY'
		import socket
		while True:
		    t, u = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
		    t.bind(("127.0.0.1", 0))
		    try:
		        u.bind(t.getsockname())
		        print(t.getsockname()[1])
		        break
		    except OSError:
		        pass
	PY
}

# start_dns [CACHE-PORT]: nsd, and unbound in front of it when it is
# installed and a port is given; DNS is the port to ask, DNS_PIDS their pids.
# The DKIM keys of T/mail are in the zone when there are some.
start_dns() {
	local nsd=5310 cache=${1:-} keys=()
	has nsd || die "nsd is not installed"
	[ -n "${BENCH_NS:-}" ] || nsd=$(free_port)
	[ ! -d "$T/mail/keys" ] || keys=("$T/mail/keys")
	/usr/bin/python3 "$HERE/zone.py" "$T/dns" "$nsd" "${cache:-53}" \
		"${keys[@]}" || exit 1
	launch nsd nsd -d -c "$T/dns/nsd.conf"
	until_ready nsd answers "$nsd" || exit 1
	DNS=$nsd DNS_PIDS=$PID
	{ [ -n "$cache" ] && has unbound; } || return 0
	launch unbound unbound -d -c "$T/dns/unbound.conf"
	until_ready unbound answers "$cache" || exit 1
	DNS=$cache DNS_PIDS=$DNS_PIDS,$PID
}

# gatepost_conf FILE [OPTION...]: a policy for the benchmark; OPTIONs are for
# the resolver
gatepost_conf() {
	local file=$1
	shift
	cat >"$file" <<-CONF
		authserv-id = "mx.local.example"
		resolver { servers = { "127.0.0.1:$DNS" } timeout = 2s $* }
		trust { clients = { "127.0.0.0/8" } }
		spf { mode = monitor engine = builtin }
		dkim { mode = monitor engine = builtin }
		dmarc { mode = monitor }
	CONF
}

# dkim_domains FILE: the domains of T/mail and their keys
dkim_domains() {
	local i
	for ((i = 0; i < 10; i++)); do
		cat <<-CONF
			domain "s$i.example" { key "rsa" { file = "$T/mail/keys/rsa.pem" } }
			domain "e$i.example" { key "ed" { file = "$T/mail/keys/ed.pem" } }
		CONF
	done >>"$1"
}

# start_daemon spf|dkim|dmarc NAME [WRAPPER...]: that daemon; SOCK and PID.  Its
# state, and so its seal, lies in STATE, or in a folder of its own.  Its log goes through a pipe: threads that write to one file wait
# for one another in the file system, which no daemon that logs to syslog does.
start_daemon() {
	local program=gatepost-$1 name=$2
	shift 2
	mkdir -p "$T/$name"
	[ -f "$T/$name/gatepost.conf" ] || gatepost_conf "$T/$name/gatepost.conf"
	SOCK=unix:$T/run/$name.sock
	rm -f "$T/$name/log"
	mkfifo "$T/$name/log" || return 1
	launch "$name-log" cat "$T/$name/log"
	"$@" "$O/bin/$program" --foreground \
		--config "$T/$name/gatepost.conf" --socket "$SOCK" \
		--state-dir "${STATE:-$T/$name}" --runtime-dir "$T/$name" \
		>"$T/$name/log" 2>&1 </dev/null &
	PID=$!
	PIDS[$name]=$PID
	until_ready "$name" grep -q 'ready on' "$T/run/$name-log.out"
}
