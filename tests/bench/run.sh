#!/bin/bash
# run.sh - what a message costs: server CPU, messages a second, latencies;
# gatepost beside a filter that does nothing and the peers that are installed.
#
#   O       the build (build)          DUR     length of one run (1500ms)
#   RUNS    runs of each row (3)       CONCS   SMTP sessions at a time (1 8 64)
#   ROWS    only rows that match this extended regular expression
#   RAW     gets a line of JSON for each run ($O/bench/raw.jsonl, anew)
#   BENCH_CALLGRIND=1  count the instructions of a message too (slow)
#
# As root everything runs in a network and mount namespace of its own, so
# that peers find a DNS server on port 53; nothing outside is touched.  It
# measures and says what is over its limit; it fails only when it can not.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
cd "$HERE/../.." || exit 1
O=${O:-build}
O=$(cd "$O" && pwd) || exit 1
if [ -z "${BENCH_NS:-}" ] && [ "$(id -u)" = 0 ] &&
	unshare -m -n true 2>/dev/null; then
	BENCH_NS=1 O=$O exec unshare -m -n bash "$HERE/run.sh" "$@"
fi
DUR=${DUR:-1500ms} RUNS=${RUNS:-3} CONCS=${CONCS:-1 8 64} ROWS=${ROWS:-.}
RAW=${RAW:-$O/bench/raw.jsonl}
T=$(mktemp -d) || exit 1
mkdir -p "$T/run"
# shellcheck source=tests/bench/lib.sh
. "$HERE/lib.sh"
# shellcheck source=tests/bench/peers.sh
. "$HERE/peers.sh"
trap 'stop_all; rm -rf "$T"' EXIT
trap 'exit 1' INT TERM

private_network() {
	ip link set lo up || die "no loopback"
	mount --make-rprivate / || die "no private mounts"
	printf 'nameserver 127.0.0.1\n' >"$T/resolv.conf"
	mount --bind "$T/resolv.conf" "$(readlink -f /etc/resolv.conf)" ||
		die "no private resolv.conf"
}

declare -A SOCKS SERVERS HELPERS
SUBJECTS=()

# join SUBJECT: start it, and measure it if it starts; HELPER: what works for
# it beside the DNS server
join() {
	HELPER=
	printf '%-10s ' "$1:"
	"start_$1" || {
		[ -z "${PIDS[$1]:-}" ] || echo "does not run: skipped"
		return 0
	}
	SUBJECTS+=("$1")
	SOCKS[$1]=$SOCK
	SERVERS[$1]=$PID
	HELPERS[$1]=${HELPER:-$DNS_PIDS}
	echo "pid $PID"
}

# wanted ROW...: is one of them asked for?
wanted() {
	printf '%s\n' "$@" | grep -qE -- "$ROWS"
}

# fields_of ROW SUBJECT: what a message must come back with to count
fields_of() {
	local ar=Authentication-Results
	case $2:$1 in
	noop*:*) echo X-Noop:done ;;
	rspamd-rate:*) echo X-Rspamd-Queue-Id ;;
	gatepost-rate*:*) ;; # it adds nothing; counted says whether it counts
	*:dkim-sign-ed) echo DKIM-Signature:a=ed25519-sha256 ;;
	*:dkim-sign-*) echo DKIM-Signature:a=rsa-sha256 ;;
	*:dkim-*) echo $ar:dkim=pass ;;
	opendmarc:dmarc*) echo $ar:dmarc=pass ;;
	*:dmarc* | *:chain*) echo $ar:spf=pass $ar:dkim=pass $ar:dmarc=pass ;;
	*) echo $ar:spf=pass ;;
	esac
}

# one ROW SUBJECT CONC OPTION...: one run, one line in RAW; @RUN@ in an option
# becomes a word that no other run has
one() {
	local row=$1 subject=$2 conc=$3 lean=--lean word words=()
	shift 3
	for word in ${SOCKS[$subject]}; do
		words+=(--socket "$word")
	done
	for word in $(fields_of "$row" "$subject"); do
		words+=(--expect-header "$word")
	done
	[[ $row != *-postfix ]] || lean=
	"$O/bench/milterload" "${words[@]}" --pid "${SERVERS[$subject]}" \
		--helper-pid "${HELPERS[$subject]}" \
		--sessions "$conc" --time "$DUR" --warmup 400ms $lean \
		--label "$row/$subject" \
		"${@//@RUN@/$subject$conc-$i}" >>"$RAW"
	[ $? -le 1 ] || echo "  $row/$subject at $conc: no message came back"
	printf .
}

# each ROW CONCS SUBJECTS OPTION...: that row for every subject in its list
each() {
	local row=$1 concs=$2 subjects=$3 conc subject
	shift 3
	wanted "$row" || return 0
	for conc in $concs; do
		for subject in "${SUBJECTS[@]}"; do
			[[ " $subjects " == *" $subject "* ]] || continue
			one "$row" "$subject" "$conc" "$@"
		done
	done
}

SPF_ROWS=(spf-plain spf-inc5 spf-cold idle-1000 spf-postfix)
DKIM_ROWS=(dkim-sign-rsa dkim-sign-ed dkim-verify-rsa dkim-verify-ed
	dkim-verify-html dkim-sign-3mb dkim-verify-3mb dkim-idle-1000 dkim-sign-postfix
	dkim-verify-postfix)
DMARC_ROWS=(dmarc dmarc-idle-1000 dmarc-postfix)
CHAIN_ROWS=(chain chain-postfix)
RATE_ROWS=(rate rate-login rate-redis rate-postfix)

spf_rows() {
	local spf='gatepost pyspf rspamd' inc='inc{10}.example'
	each spf-plain "$CONCS" "$spf"
	each spf-inc5 "$CONCS" "$spf" --from "user@$inc" --helo "mail.$inc"
	each spf-cold "$CONCS" "$spf" --from 'user@d{n}.@RUN@.cold.example'
	each idle-1000 1 "noop $spf" --idle 1000
	each spf-postfix 8 'noop gatepost' # all that Postfix sends, not --lean
}

# With noop in each: what libmilter costs for these very messages.
dkim_rows() {
	local rsa='noop gatepost-dkim opendkim rspamd-dkim'
	local ed='noop gatepost-dkim opendkim-ed rspamd-dkim'
	local ours=(--from-header --client 127.0.0.1 --client-name localhost)
	local theirs=(--from-header) mail=$T/mail
	each dkim-sign-rsa "$CONCS" "$rsa" "${ours[@]}" "$mail/text/rsa"
	each dkim-sign-ed 8 "$ed" "${ours[@]}" "$mail/text/ed"
	each dkim-verify-rsa "$CONCS" "$rsa" "${theirs[@]}" "$mail/signed/rsa"
	each dkim-verify-ed 8 "$rsa" "${theirs[@]}" "$mail/signed/ed"
	each dkim-verify-html 8 "$rsa" "${theirs[@]}" "$mail/signed/html"
	each dkim-sign-3mb 8 "$rsa" "${ours[@]}" --time 4s "$mail/big/rsa"
	each dkim-verify-3mb 8 "$rsa" "${theirs[@]}" --time 4s "$mail/signed/big"
	each dkim-idle-1000 1 "$rsa" "${theirs[@]}" --idle 1000 "$mail/signed/rsa"
	each dkim-sign-postfix 8 'noop gatepost-dkim' "${ours[@]}" "$mail/text/rsa"
	each dkim-verify-postfix 8 'noop gatepost-dkim' "${theirs[@]}" \
		"$mail/signed/rsa"
}

# Each message with the results of an SPF and a DKIM filter, sealed or not;
# anew each time, since a seal grows old.
dmarc_rows() {
	local sealed='noop gatepost-dmarc' how=(--from-header --queue-id '4BENCH{60}')
	wanted "${DMARC_ROWS[@]}" || return 0
	/usr/bin/python3 "$HERE/results.py" "$T/mail" \
		"$T/gatepost-dmarc/seal.key" || die "no seals"
	each dmarc "$CONCS" "$sealed" "${how[@]}" "$T/mail/sealed"
	each dmarc "$CONCS" opendmarc "${how[@]}" "$T/mail/results"
	each dmarc-idle-1000 1 "$sealed" --idle 1000 "${how[@]}" "$T/mail/sealed"
	each dmarc-idle-1000 1 opendmarc --idle 1000 "${how[@]}" "$T/mail/results"
	each dmarc-postfix 8 "$sealed" "${how[@]}" "$T/mail/sealed"
}

# The same signed messages through three filters, or one that does it all.
chain_rows() {
	each chain "$CONCS" "noop-x3 gatepost-chain opendkim-opendmarc rspamd-auth" \
		--from-header "$T/mail/signed/rsa"
	each chain-postfix 8 "noop-x3 gatepost-chain" --from-header \
		"$T/mail/signed/rsa"
}

# What leaves: 10000 senders of ten domains, to seven.
rate_rows() {
	local all='noop gatepost-rate rspamd-rate'
	local ours=(--client 127.0.0.1 --client-name localhost
		--from 'u{10000}@s{10}.example' --rcpt 'rcpt{r}@r{7}.example')
	each rate "$CONCS" "$all" "${ours[@]}"
	each rate-login 8 "$all" "${ours[@]}" --login 'app{100}'
	each rate-redis 8 "noop gatepost-rate-redis rspamd-rate" "${ours[@]}"
	each rate-postfix 8 'noop gatepost-rate' "${ours[@]}"
}

# counted SUBJECT: what that gatepost-rate says it has counted
counted() {
	[ -n "${PIDS[$1]:-}" ] || return 0
	echo "$1 itself: $(/usr/bin/python3 "$HERE/counted.py" \
		"$T/$1/control.sock")"
}

round() {
	each floor "$CONCS" noop
	spf_rows
	dkim_rows
	dmarc_rows
	chain_rows
	rate_rows
}

# What no filter can do without, with all processors at it as in a row:
# those that share a core are slower then.
bare_cryptography() {
	local i word
	echo
	echo "bare cryptography of a message, $(nproc) at a time:"
	for word in sign verify; do
		for ((i = 1; i < $(nproc); i++)); do
			"$O/bench/bench_dkim" "$word" "$T/mail/keys" >/dev/null &
		done
		"$O/bench/bench_dkim" "$word" "$T/mail/keys"
	done
}

# redis_memory PORT: what the server says that it uses
redis_memory() {
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return
	printf 'INFO memory\r\n' >&3
	sed -n '/^used_memory:/{s/[^0-9]//gp;q;}' <&3 |
		awk '{ printf "redis  uses %.0f MiB\n", $1 / 1048576 }'
	exec 3>&-
}

# Decisions of the limits, of each store: no milter, no mail.
stores() {
	local store=$O/bench/bench_store port
	echo
	echo "decisions with four meters each, and a million keys:"
	"$store" run mem "$T"
	"$store" keys mem "$T"
	"$store" run lmdb "$T/lmdb"
	"$store" keys lmdb "$T/lmdb"
	echo "lmdb   $(($(stat -c %s "$T/lmdb/data.mdb") / 1048576)) MiB of file"
	has redis-server || return 0
	port=$(free_port)
	launch redis redis-server --port "$port" --bind 127.0.0.1 --save '' \
		--appendonly no --dir "$T"
	until_ready redis redis_memory "$port" >/dev/null || return
	"$store" run "redis://127.0.0.1:$port/0" "$T"
	"$store" keys "redis://127.0.0.1:$port/0" "$T"
	redis_memory "$port"
	stop redis
}

# collected ROW COUNT: instructions of a daemon that does so many messages
collected() {
	local program=${1%%-*} conf=$T/grind/gatepost.conf options
	case $1 in
	spf-plain) options=(--from 'user@s{10}.example') ;;
	spf-inc5) options=(--from 'user@inc{10}.example') ;;
	dkim-sign-*) options=(--from-header --client 127.0.0.1 "$T/mail/text/rsa") ;;
	*) options=(--from-header "$T/mail/signed/${1##*-}") ;;
	esac
	mkdir -p "$T/grind"
	gatepost_conf "$conf"
	[ "$program" = spf ] || dkim_domains "$conf"
	start_daemon "$program" grind valgrind --tool=callgrind \
		--callgrind-out-file="$O/bench/callgrind.$1.$2" || return
	"$O/bench/milterload" --socket "$SOCK" --count "$2" --lean \
		--time 5m --timeout 60s "${options[@]}" >/dev/null
	stop grind
	wait "${PIDS[grind-log]}" # it ends with the writer
	sed -n 's/.*Collected : //p' "$T/run/grind-log.out"
}

# The instructions of one message, by the difference of two runs.
instructions() {
	local row few many
	has valgrind || die "valgrind is not installed"
	for row in spf-plain spf-inc5 dkim-sign-rsa dkim-verify-rsa \
		dkim-verify-html; do
		wanted $row || continue
		collected $row 300 >"$T/few"
		collected $row 1300 >"$T/many"
		read -r few <"$T/few" && read -r many <"$T/many" || return
		echo "$row: $(((many - few) / 1000)) instructions a message" \
			"($O/bench/callgrind.$row.1300)"
	done
}

[ -z "${BENCH_NS:-}" ] || private_network
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
! wanted "${DKIM_ROWS[@]}" "${DMARC_ROWS[@]}" "${CHAIN_ROWS[@]}" ||
	/usr/bin/python3 "$HERE/corpus.py" "$T/mail" || exit 1
start_dns ${BENCH_NS:+53}
: >"$RAW" || exit 1
join noop
if wanted "${SPF_ROWS[@]}"; then
	for subject in gatepost pyspf rspamd; do
		join "$subject"
	done
	[[ " ${SUBJECTS[*]} " == *" gatepost "* ]] || die "gatepost-spf does not run"
fi
if wanted "${DKIM_ROWS[@]}"; then
	for subject in gatepost-dkim opendkim opendkim-ed rspamd-dkim; do
		join "$subject"
	done
	[[ " ${SUBJECTS[*]} " == *" gatepost-dkim "* ]] ||
		die "gatepost-dkim does not run"
fi
if wanted "${DMARC_ROWS[@]}"; then
	for subject in gatepost-dmarc opendmarc; do
		join "$subject"
	done
	[[ " ${SUBJECTS[*]} " == *" gatepost-dmarc "* ]] ||
		die "gatepost-dmarc does not run"
fi
if wanted "${CHAIN_ROWS[@]}"; then
	for subject in noop-x3 gatepost-chain opendkim-opendmarc rspamd-auth; do
		join "$subject"
	done
	[[ " ${SUBJECTS[*]} " == *" gatepost-chain "* ]] ||
		die "the chain of three does not run"
fi
if wanted "${RATE_ROWS[@]}"; then
	for subject in gatepost-rate gatepost-rate-redis rspamd-rate; do
		join "$subject"
	done
	[[ " ${SUBJECTS[*]} " == *" gatepost-rate "* ]] ||
		die "gatepost-rate does not run"
fi
for ((i = 1; i <= RUNS; i++)); do
	round
	echo " run $i of $RUNS"
done
/usr/bin/python3 "$HERE/report.py" "$RAW"
counted gatepost-rate
counted gatepost-rate-redis
! wanted "${DKIM_ROWS[@]}" || bare_cryptography
! wanted store || stores
[ -z "${BENCH_CALLGRIND:-}" ] || instructions
