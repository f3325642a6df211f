#!/bin/sh
# lintian.sh OUTDIR - what lintian says of the packages and the source that
# build-deb.sh has left in OUTDIR: 0 when there is neither an error nor a
# warning.  All of it, with explanations, is in OUTDIR/lintian.log.
set -eu
out=$1
set -- "$out"/*.changes
[ -e "$1" ] || {
	echo "lintian.sh: no packages in $out" >&2
	exit 2
}
rc=0
lintian --allow-root -EvIi --pedantic --fail-on error,warning "$@" \
	>"$out/lintian.log" 2>&1 || rc=$?
awk '/^[EW]:/ { bad++; print } /^[IPX]:/ { hints++ }
	END { printf "%d errors or warnings, %d hints\n", bad, hints }' \
	"$out/lintian.log"
exit $rc
