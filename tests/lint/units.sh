#!/bin/sh
# units.sh DIR - the units in DIR: directives that systemd does not know, the
# exposure of each service (at most 1.2 of 10), the sandbox, which is to be the
# same in all of them, and the limits, which are to be above the bounds that the
# milters have by themselves.  Prints what is wrong; exit 1 when anything is.
set -u
dir=$1
limits=$(dirname "$0")/../../common/core/limits.h
bad=0

wrong() {
	echo "$1: $2"
	bad=1
}

# What the daemons are shut into: from NoNewPrivileges= on.
sandbox() {
	sed -n '/^NoNewPrivileges=/,/^\[Install\]/p' "$1" |
		grep '^[A-Z][A-Za-z]*=' |
		grep -v '^IPAddress\(Deny\|Allow\)=' | # the exporter's are its own
		LC_ALL=C sort
}

# bound NAME: its number in limits.h
bound() {
	sed -n "s/^#define[ 	]*$1[ 	]*\([0-9]*\).*/\1/p" "$limits"
}

# above FILE DIRECTIVE LEAST
above() {
	has=$(sed -n "s/^$2=//p" "$1")
	[ "${has:-0}" -gt "$3" ] || wrong "$1" "$2=$has is not above $3"
}

descriptors=$(($(bound GP_SESSIONS_MAX) + $(bound GP_DESCRIPTORS_KEPT)))
threads=$(bound GP_THREADS_MAX)
first=
for file in "$dir"/*.service; do
	[ -e "$file" ] || continue
	[ -n "$first" ] || first=$file
	systemd-analyze security --offline=true --threshold=12 "$file" ||
		wrong "$file" "more exposed than 1.2"
	grep -qx 'NoNewPrivileges=yes' "$file" || wrong "$file" "no sandbox"
	[ "$(sandbox "$file")" = "$(sandbox "$first")" ] ||
		wrong "$file" "the sandbox is not that of $first"
	case ${file##*/} in
	gatepost-exporter.service) ;; # no milter
	*)
		above "$file" LimitNOFILE "$descriptors"
		above "$file" TasksMax "$threads"
		;;
	esac
	# private keys are for the signer alone
	grep -qx 'InaccessiblePaths=-/etc/gatepost/keys' "$file"
	case $?${file##*/} in
	0gatepost-dkim.service) wrong "$file" "can not read its keys" ;;
	1gatepost-dkim.service) ;;
	1*) wrong "$file" "can get at the private keys" ;;
	esac
done
[ -n "$first" ] || wrong "$dir" "no services"

for file in "$dir"/*.service "$dir"/*.target "$dir"/*.mount; do
	said=$(systemd-analyze verify --man=no "$file" 2>&1 |
		grep -F "${file##*/}" |
		grep -v 'is not executable: No such file')
	[ -z "$said" ] || wrong "$file" "$said"
done
exit $bad
