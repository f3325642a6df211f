#!/bin/sh
# units.sh DIR - the units in DIR: directives that systemd does not know, the
# exposure of each service (at most 1.2 of 10), and the sandbox, which is to be
# the same in all of them.  Prints what is wrong; exit 1 when anything is.
set -u
dir=$1
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

first=
for file in "$dir"/*.service; do
	[ -e "$file" ] || continue
	[ -n "$first" ] || first=$file
	systemd-analyze security --offline=true --threshold=12 "$file" ||
		wrong "$file" "more exposed than 1.2"
	grep -qx 'NoNewPrivileges=yes' "$file" || wrong "$file" "no sandbox"
	[ "$(sandbox "$file")" = "$(sandbox "$first")" ] ||
		wrong "$file" "the sandbox is not that of $first"
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
