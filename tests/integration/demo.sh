#!/bin/sh
# demo.sh - gatepost at work: a private Postfix, a name server with demo
# domains, gatepost-spf, gatepost-dkim, gatepost-dmarc and gatepost-rate; real
# mail through all of them, and what came back.
# `make demo` builds and calls it.  Needs root, since Postfix does.
#
#   DEMO_STAY=1   leave everything running afterwards, to play with
#   NO_COLOR=1    no colours (there are none but on a terminal)
set -eu
cd "$(dirname "$0")/../.."
O=${O:-build}
export O
for program in gatepost-spf gatepost-dkim gatepost-dmarc gatepost-rate gatepost; do
	if [ ! -x "$O/bin/$program" ]; then
		echo "demo: $O/bin/$program is not there; run: make demo" >&2
		exit 1
	fi
done
if [ "$(id -u)" -ne 0 ]; then
	echo "demo: Postfix starts only as root; run: sudo make demo" >&2
	exit 1
fi
exec /usr/bin/python3 tests/integration/demo.py
