#!/bin/bash
# soak.sh - what takes too long for CI: many messages through gatepost-spf
# with a reload every second, generated records through libspf2, then the fuzz
# targets for longer.
#
#   O                  the build (build)
#   SOAK_MESSAGES      how many in all (1000000)
#   SOAK_RECORDS       how many records (1000000)
#   SOAK_FUZZ_SECONDS  for each fuzz target (60); 0: none
#   SOAK_SLOPE_KB      RSS that may be gained in 10^6 messages, measured over
#                      the second half (2048)
#
# Every 24th part of the messages is one round with other domains; memory and
# descriptors are read after each.  It fails when a message did not come back
# as expected, descriptors were lost, memory grows, or a fuzz target finds
# something.
set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd)
HERE=$ROOT/tests/bench
cd "$ROOT" || exit 1
O=$(cd "${O:-build}" && pwd) || exit 1
MESSAGES=${SOAK_MESSAGES:-1000000} FUZZ=${SOAK_FUZZ_SECONDS:-60}
SLOPE=${SOAK_SLOPE_KB:-2048}
ROUNDS=24
T=$(mktemp -d) || exit 1
mkdir -p "$T/run"
# shellcheck source=tests/bench/lib.sh
. "$HERE/lib.sh"
trap 'stop_all; rm -rf "$T"' EXIT
trap 'exit 1' INT TERM
FAILED=0

failed() {
	echo "FAILED: $*"
	FAILED=1
}

# reload_every_second PID
reload_every_second() {
	while sleep 1 && kill -USR1 "$1"; do
		:
	done
}

# round NUMBER: its part of the messages, a line of JSON
round() {
	local kinds=(s inc red mx cold fail soft perm)
	local results=(pass pass pass pass pass fail softfail permerror)
	local kind=${kinds[$1 % 8]} result=${results[$1 % 8]}
	local from="user@$kind{10}.example" more=()
	[ "$kind" != cold ] || from="user@d{n}.r$1.cold.example"
	[ $(($1 % 3)) -ne 1 ] || more=(--per-conn 7)
	[ $(($1 % 3)) -ne 2 ] || more=(--idle 100)
	"$O/bench/milterload" --socket "$SOCK" --pid "$PID" --sessions 8 \
		--count $((MESSAGES / ROUNDS)) --time 1h --from "$from" \
		--label "$kind" --expect-header \
		"Authentication-Results:spf=$result" "${more[@]}"
}

messages() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		round "$i" >>"$T/rounds" || failed "round $i: $(tail -1 "$T/rounds")"
		kill -0 "$PID" 2>/dev/null || failed "gatepost-spf is gone"
		/usr/bin/python3 "$HERE/soak_report.py" line "$T/rounds"
	done
	/usr/bin/python3 "$HERE/soak_report.py" sum "$T/rounds" "$SLOPE" ||
		failed "the daemon does not stay as it was"
}

start_dns ''
mkdir -p "$T/gatepost"
# a small cache, so that it is full long before the memory is judged
gatepost_conf "$T/gatepost/gatepost.conf" cache-size = 1m
start_gatepost_spf gatepost || exit 1
reload_every_second "$PID" &
PIDS[reloads]=$!
messages
echo "reloads: $(grep -c 'in force' "$T/run/gatepost-log.out")," \
	"refused: $(grep -c 'reload failed' "$T/run/gatepost-log.out")"
stop reloads gatepost
GP_RECORDS=${SOAK_RECORDS:-1000000} "$O/asan/bin/test_spf_generated" ||
	failed "generated records through libspf2"
[ "$FUZZ" = 0 ] || ${MAKE:-make} --no-print-directory fuzz SECONDS="$FUZZ" ||
	failed "the fuzz targets"
[ $FAILED = 0 ] && echo "soak: ok"
exit $FAILED
