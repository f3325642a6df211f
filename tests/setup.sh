#!/bin/sh
# setup.sh [demo|check|sendmail|lint|fuzz|bench|deb|packages|all]... - see to it
# that the Debian packages are there which building and testing need (default:
# check).
#
# Nothing missing: silent, and nothing is done.  As root: installs the missing
# ones.  Otherwise: prints the command for root and exits 69.  No service that
# comes with a package is started or enabled, and Debian's own Postfix is left
# without a configuration; where Postfix is installed already, it stays as it
# is.  The tests run private ones.  Sendmail, which Debian does not install
# beside Postfix, is unpacked into the build (O, default build).
set -u

build="gcc libc6-dev libmilter-dev libspf2-dev libopendkim-dev libc-ares-dev
	libconfuse-dev libhiredis-dev libidn2-dev liblmdb-dev libmicrohttpd-dev
	libpsl-dev libssl-dev libsystemd-dev libyaml-dev"
# Postfix and a real name server, the language of the test scripts, and what
# makes their keys
servers="postfix nsd python3 openssl"
# second opinions about DKIM
dkim="python3-dkim python3-nacl"
demo="$build $servers $dkim"
# What Sendmail needs besides its own packages, which Postfix excludes: those
# are unpacked into the build
sendmail="iproute2 libdb5.3 libldap-2.5-0 libnsl2 libsasl2-2 libsasl2-modules
	libsasl2-modules-db libwrap0 m4 procps sasl2-bin"
# more of them, by other hands
check="$build $servers $dkim $sendmail libcmocka-dev miltertest python3-authres
	python3-spf libmail-dkim-perl opendkim opendkim-tools prometheus
	publicsuffix python3-dnspython redis-server systemd"
lint="$build clang-format clang-tidy cppcheck shellcheck scdoc mandoc systemd
	python3"
fuzz="$build clang libclang-rt-14-dev llvm"
bench="$build $servers $dkim redis-server"
deb="$build build-essential debhelper lintian scdoc"
# a Debian of its own for the packages
packages="$deb autopkgtest dpkg-dev mmdebstrap python3 systemd-container"

# A package's service that must not run on this host because of us.
services="postfix nsd opendkim prometheus redis-server"
preseed="postfix postfix/main_mailer_type select No configuration"

die() {
	echo "setup.sh: $*" >&2
	exit 69
}

# packages_of GROUP
packages_of() {
	case $1 in
	demo) echo "$demo" ;;
	check) echo "$check" ;;
	sendmail) echo "$sendmail" ;;
	lint) echo "$lint" ;;
	fuzz) echo "$fuzz" ;;
	bench) echo "$bench" ;;
	deb) echo "$deb" ;;
	packages) echo "$packages" ;;
	all) echo "$demo $check $lint $fuzz $bench $packages" ;;
	*) return 1 ;;
	esac
}

# missing PACKAGE...: those of them that are not installed
missing() {
	have=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" \
		2>/dev/null | sed -n 's/^.i *//p' | tr '\n' ' ')
	for package in "$@"; do
		case " $have" in
		*" $package "*) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

# The installed package that is this host's MTA, when it is not Postfix.
other_mta() {
	dpkg-query -W \
		-f='${db:Status-Abbrev}|${Package}|${Provides}|\n' 2>/dev/null |
		grep '^.i.*|.*mail-transport-agent.*|' | cut -d'|' -f2 |
		grep -v '^postfix$' | head -n 1
}

# Postfix would push another MTA out, which nobody asked for.
spare_mta() {
	mta=$(other_mta)
	[ -n "$mta" ] || return 0
	echo "setup.sh: $mta is this host's MTA and stays; without Debian's" \
		"postfix the tests that need it are skipped" >&2
	case " $* " in
	*" demo "*) die "the demo needs postfix; use another host or container" ;;
	esac
	# shellcheck disable=SC2086
	need=$(printf '%s\n' $need | grep -v '^postfix$' | tr '\n' ' ')
}

policy=/usr/sbin/policy-rc.d
made_policy=

cleanup() {
	[ -z "$made_policy" ] || rm -f "$policy"
	made_policy=
}

# Debian asks this file before it starts a service (101: do not).
forbid_services() {
	trap cleanup EXIT
	trap 'exit 69' HUP INT TERM
	(set -C && printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null ||
		return 0
	made_policy=1
	chmod 755 "$policy"
}

install_packages() {
	new=
	for service in $services; do
		case " $need " in
		*" $service "*) new="$new $service" ;;
		esac
	done
	forbid_services
	case $new in
	*postfix*)
		echo "$preseed" | debconf-set-selections || return
		;;
	esac
	apt-get -q -o Acquire::Retries=3 update ||
		echo "setup.sh: no fresh package lists; trying with the old" >&2
	# shellcheck disable=SC2086
	apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Options::=--force-confold \
		install -y --no-remove --no-install-recommends $need || return
	for service in $new; do
		update-rc.d "$service" disable >/dev/null 2>&1 || :
	done
}

# print_command GROUP...: what root has to do, and exit
print_command() {
	{
		echo "setup.sh: packages are missing for \"$*\"; run as root:"
		echo
		case " $need" in
		*" postfix "*) echo "    echo '$preseed' | debconf-set-selections" ;;
		esac
		echo "    apt-get update &&" \
			"DEBIAN_FRONTEND=noninteractive apt-get install -y" \
			"--no-install-recommends ${need% }"
		echo
		echo "or, which also keeps their services from starting:" \
			"sudo tests/setup.sh $*"
	} >&2
	exit 69
}

fetch_sendmail() {
	apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root \
		download sendmail-bin sendmail-cf
}

# Sendmail's files in the build; a test that misses them says so.
unpack_sendmail() {
	build=${O:-build}
	case $build in
	/*) ;;
	*) build=$(cd "$(dirname "$0")/.." && pwd)/$build ;;
	esac
	[ ! -e "$build/sendmail" ] || return 0
	scratch=$(mktemp -d) || return
	if (
		cd "$scratch" || exit
		fetch_sendmail || { apt-get -q update && fetch_sendmail; }
	) >"$scratch/log" 2>&1; then
		for package in "$scratch"/*.deb; do
			dpkg -x "$package" "$scratch/files"
		done
		mkdir -p "$build" && mv "$scratch/files" "$build/sendmail"
	else
		echo "setup.sh: no sendmail from the archive; tests that need" \
			"it are skipped: $(tail -n 1 "$scratch/log")" >&2
	fi
	rm -rf "$scratch"
}

install_missing() {
	[ "$(id -u)" = 0 ] || print_command "$@"
	echo "setup.sh: installing for \"$*\": ${need% }"
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	install_packages </dev/null ||
		die "the installation failed; what it says above is the reason"
	# shellcheck disable=SC2086
	still=$(missing $need)
	[ -z "$still" ] || die "still not installed: $still"
}

[ $# -gt 0 ] || set -- check
list=
for group in "$@"; do
	list="$list $(packages_of "$group")" || {
		echo "setup.sh: no group \"$group\"; there are demo, check," \
			"sendmail, lint, fuzz, bench, deb, packages and all" >&2
		exit 64
	}
done
list=$(printf '%s\n' "$list" | tr -s ' \t\n' '\n' | LC_ALL=C sort -u |
	tr '\n' ' ')
command -v dpkg-query >/dev/null || {
	echo "setup.sh: not a Debian system; needed are: $list" >&2
	exit 0
}
# shellcheck disable=SC2086
need=$(missing $list)
case " $need" in
*" postfix "*) spare_mta "$@" ;;
esac
[ -z "${need% }" ] || install_missing "$@"
case " $* " in
*" check "* | *" sendmail "* | *" all "*) unpack_sendmail ;;
esac
