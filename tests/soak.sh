#!/bin/bash
# soak.sh - what takes too long for CI: many messages through each daemon, one
# after the other, with a reload every second; generated records through
# libspf2; then the fuzz targets for longer.
#
#   O                   the build (build)
#   SOAK_MESSAGES       how many through gatepost-spf (1000000); 0: none
#   SOAK_DKIM_MESSAGES  how many through gatepost-dkim, signed and verified at
#                       the same time (1000000); 0: none
#   SOAK_DMARC_MESSAGES how many through gatepost-dmarc (1000000); 0: none
#   SOAK_RATE_MESSAGES  how many through gatepost-rate (1000000); 0: none
#   SOAK_RECORDS        how many records (1000000); 0: none
#   SOAK_FUZZ_SECONDS   for each fuzz target (60); 0: none
#   SOAK_SLOPE_KB       RSS that may be gained in 10^6 messages, measured over
#                       the second half (2048)
#
# Every 24th part of the messages is one round with other domains, keys or
# senders; memory and descriptors are read after each.  It fails when a message
# did not come back as expected, descriptors were lost, memory or a file grows,
# or a fuzz target finds something.
set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd)
HERE=$ROOT/tests/bench
cd "$ROOT" || exit 1
O=$(cd "${O:-build}" && pwd) || exit 1
MESSAGES=${SOAK_MESSAGES:-1000000} FUZZ=${SOAK_FUZZ_SECONDS:-60}
DKIM_MESSAGES=${SOAK_DKIM_MESSAGES:-1000000} RECORDS=${SOAK_RECORDS:-1000000}
DMARC_MESSAGES=${SOAK_DMARC_MESSAGES:-1000000}
RATE_MESSAGES=${SOAK_RATE_MESSAGES:-1000000}
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

# manner NUMBER: how that round connects, in MANNER; IDLE says whether other
# connections are held, which its descriptors show
manner() {
	MANNER=() IDLE=
	[ $(($1 % 3)) -ne 1 ] || MANNER=(--per-conn 7)
	[ $(($1 % 3)) -ne 2 ] || MANNER=(--idle 100) IDLE=" idle"
}

# spf_round NUMBER: its part of the messages, a line of JSON
spf_round() {
	local kinds=(s inc red mx cold fail soft perm)
	local results=(pass pass pass pass pass fail softfail permerror)
	local kind=${kinds[$1 % 8]} result=${results[$1 % 8]}
	local from="user@$kind{10}.example"
	[ "$kind" != cold ] || from="user@d{n}.r$1.cold.example"
	manner "$1"
	"$O/bench/milterload" --socket "$SOCK" --pid "$PID" --sessions 8 \
		--count $((MESSAGES / ROUNDS)) --time 1h --from "$from" \
		--label "$kind$IDLE" --expect-header \
		"Authentication-Results:spf=$result" "${MANNER[@]}"
}

# half FILE SESSIONS LABEL FIELD OPTION...: a part of a round of gatepost-dkim
half() {
	local file=$1 sessions=$2 label=$3 field=$4
	shift 4
	"$O/bench/milterload" --socket "$SOCK" --pid "$PID" --lean \
		--sessions "$sessions" --count $((DKIM_MESSAGES / ROUNDS / 2)) \
		--time 1h --label "$label" --expect-header "$field" \
		--from-header "$@" >"$file"
}

# dkim_round NUMBER: the same with as many messages to sign as to verify
dkim_round() {
	local keys=(rsa ed rsa ed html) results=(pass pass fail fail pass)
	local dirs=(signed signed broken broken signed) signing bad=0
	local key=${keys[$1 % 5]} sign=(rsa ed)
	local to_sign=${sign[$1 % 2]}
	manner "$1"
	half "$T/signed" 4 "sign-$to_sign$IDLE" DKIM-Signature:d= \
		--client 127.0.0.1 --client-name localhost \
		"$T/mail/text/$to_sign" &
	signing=$!
	half "$T/verified" 4 "verify-$key$IDLE" \
		"Authentication-Results:dkim=${results[$1 % 5]}" "${MANNER[@]}" \
		"$T/mail/${dirs[$1 % 5]}/$key" || bad=1
	wait "$signing" || bad=1
	cat "$T/signed" "$T/verified"
	return "$bad"
}

# dmarc_round NUMBER: results with fresh seals, or with none, which are not
# believed
dmarc_round() {
	local kinds=(sealed results) results=(pass fail) kind
	kind=${kinds[$1 % 2]}
	/usr/bin/python3 "$HERE/results.py" "$T/mail" "$T/dmarc/seal.key" ||
		return 1
	manner "$1"
	"$O/bench/milterload" --socket "$SOCK" --pid "$PID" --sessions 8 \
		--count $((DMARC_MESSAGES / ROUNDS)) --time 1h --lean \
		--label "$kind$IDLE" --from-header --queue-id '4BENCH{60}' \
		--expect-header "Authentication-Results:dmarc=${results[$1 % 2]}" \
		"${MANNER[@]}" "$T/mail/$kind"
}

# rate_round NUMBER: senders that are new in each round, so that the store is
# always full; of another MTA, of applications, and beyond a limit
rate_round() {
	local kinds=(relay login beyond) kind
	local who=(--client 127.0.0.1 --client-name localhost --lean
		--socket "$SOCK" --pid "$PID")
	local from="u{n}.r$1@s{10}.example"
	kind=${kinds[$1 % 3]}
	case $kind in
	login) who+=(--login "app{1000}.r$1") ;;
	beyond) # what little may pass has passed
		from="u{n}.r$1@o{10}.example"
		"$O/bench/milterload" "${who[@]}" --from "$from" --count 50 \
			>/dev/null
		who+=(--expect tempfail --expect-reply "rate exceeded (1/31d")
		;;
	esac
	manner "$1"
	"$O/bench/milterload" "${who[@]}" --sessions 8 --time 1h \
		--count $((RATE_MESSAGES / ROUNDS)) --label "$kind$IDLE" \
		--from "$from" "${MANNER[@]}"
}

# limits FILE: four for each message, a store that is soon full
limits() {
	local i
	cat <<-CONF >>"$1"
		rate { store-bytes = 16m login-limit = { "100000000/1h" } }
		limit "host" { by = { "all" } rate = { "100000000/1h" } }
		profile "open" {
		  limit "pace" { rate = { "10000000/1m", "500000000/1h" } }
		  limit "sender" { count = messages by = { "sender" } rate = { "100/5m" } }
		}
	CONF
	for ((i = 0; i < 10; i++)); do
		cat <<-CONF
			domain "s$i.example" { profile = open }
			domain "o$i.example" { limit "closed" { rate = { "1/31d" } } }
		CONF
	done >>"$1"
}

# files NAME: what that daemon has written is no larger than it may be
files() {
	local file most size
	case $1 in
	dmarc) file=$T/dmarc/dmarc-records/data.mdb most=$((8 << 20)) ;;
	rate) file=$T/rate/rate/data.mdb most=$((16 << 20)) ;;
	*) return 0 ;;
	esac
	size=$(stat -c %s "$file") || failed "no $file"
	echo "${file#"$T"/}: $size octets of $most"
	[ "${size:-0}" -le "$most" ] || failed "$file is too large"
}

# messages spf|dkim|dmarc|rate: all rounds through the daemon of that name
messages() {
	local i
	: >"$T/rounds"
	for ((i = 0; i < ROUNDS; i++)); do
		case $1 in
		spf) spf_round "$i" ;;
		dkim) dkim_round "$i" ;;
		dmarc) dmarc_round "$i" ;;
		rate) rate_round "$i" ;;
		esac >>"$T/rounds" || failed "round $i: $(tail -2 "$T/rounds")"
		kill -0 "$PID" 2>/dev/null || failed "gatepost-$1 is gone"
		/usr/bin/python3 "$HERE/soak_report.py" line "$T/rounds"
	done
	/usr/bin/python3 "$HERE/soak_report.py" sum "$T/rounds" "$SLOPE" ||
		failed "the daemon does not stay as it was"
}

# soak spf|dkim|dmarc|rate: with a small cache, so that it is full long before the memory
# is judged
soak() {
	echo "gatepost-$1:"
	mkdir -p "$T/$1"
	gatepost_conf "$T/$1/gatepost.conf" cache-size = 1m
	case $1 in
	dkim) dkim_domains "$T/$1/gatepost.conf" ;;
	dmarc) sed -i '/^dmarc/s/}/record-bytes = 8m }/' "$T/$1/gatepost.conf" ;;
	rate) limits "$T/$1/gatepost.conf" ;;
	esac
	start_daemon "$1" "$1" || exit 1
	reload_every_second "$PID" &
	PIDS[reloads]=$!
	messages "$1"
	echo "reloads: $(grep -c 'in force' "$T/run/$1-log.out")," \
		"refused: $(grep -c 'reload failed' "$T/run/$1-log.out")"
	files "$1"
	[ "$1" != rate ] ||
		/usr/bin/python3 "$HERE/counted.py" "$T/rate/control.sock"
	stop reloads "$1"
}

[ "$DKIM_MESSAGES$DMARC_MESSAGES" = 00 ] ||
	/usr/bin/python3 "$HERE/corpus.py" "$T/mail" || exit 1
start_dns ''
[ "$MESSAGES" = 0 ] || soak spf
[ "$DKIM_MESSAGES" = 0 ] || soak dkim
[ "$DMARC_MESSAGES" = 0 ] || soak dmarc
[ "$RATE_MESSAGES" = 0 ] || soak rate
[ "$RECORDS" = 0 ] ||
	GP_RECORDS=$RECORDS "$O/asan/bin/test_spf_generated" ||
	failed "generated records through libspf2"
[ "$FUZZ" = 0 ] || ${MAKE:-make} --no-print-directory fuzz SECONDS="$FUZZ" ||
	failed "the fuzz targets"
[ $FAILED = 0 ] && echo "soak: ok"
exit $FAILED
