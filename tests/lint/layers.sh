#!/bin/sh
# layers.sh [ROOT] [OBJ] - dependencies point one way:
#
#     base <- core <- io <- mta <- milters
#
# and core is pure.  Read from the includes under ROOT, and from the symbols of
# the objects under OBJ (the default build's, when they are there).
# Prints FILE: sentence; exit 1 when there is any.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 2
obj=${2:-build/obj}

rank() {
	case $1 in
	base) echo 0 ;;
	core) echo 1 ;;
	io) echo 2 ;;
	mta) echo 3 ;;
	milters | ctl) echo 4 ;;
	*) echo 9 ;;
	esac
}

# layer FILE
layer() {
	case $1 in
	common/*) echo "$1" | cut -d/ -f2 ;;
	*) echo milters ;;
	esac
}

# family BASENAME: the four judgements know nothing of one another
family() {
	echo "$1" | sed -nE 's/^(spf|dkim|dmarc|rate)([_.].*)?$/\1/p'
}

# The headers of C, POSIX and Linux; what is not here is a library's.
own_system='assert ctype errno float inttypes iso646 limits locale math setjmp
signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn
string strings tgmath threads time uchar wchar dirent dlfcn fcntl fnmatch
getopt glob grp netdb poll pthread pwd regex sched search semaphore spawn
sysexits syslog termios unistd arpa/inet arpa/nameser net/if netinet/in
netinet/tcp resolv sys/epoll sys/eventfd sys/file sys/mman sys/prctl sys/random
sys/resource sys/select sys/signalfd sys/socket sys/stat sys/statvfs sys/syscall
sys/time sys/timerfd sys/timex sys/types
sys/uio sys/un sys/utsname sys/vfs sys/wait linux/limits'

# Of these, what pure code may use.
own_pure='assert ctype errno float inttypes limits setjmp stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib string strings arpa/inet netinet/in
sys/socket sys/types'

among() {
	for word in $2; do
		[ "$word" = "$1" ] && return 0
	done
	return 1
}

# The one file for a library where the design names it.
home_of() {
	case $1 in
	libmilter) echo common/mta/milter.c ;;
	spf2) echo common/mta/spf_libspf2.c ;;
	opendkim) echo common/mta/dkim_libopendkim.c ;;
	libpsl) echo common/io/psl.c ;;
	openssl) echo common/io/crypto.c ;;
	lmdb) echo common/io/lmdb_env.c ;;
	hiredis) echo common/io/redis_wire.c ;;
	microhttpd) echo common/io/http_metrics.c ;;
	*) ;;
	esac
}

quoted() { # FILE HEADER
	[ -f "common/$2" ] || [ -f "milters/$2" ] || {
		echo "$1: includes \"$2\", which is no file of common/"
		return
	}
	mine=$(rank "$(layer "$1")")
	theirs=$(rank "${2%%/*}")
	[ "$theirs" -le "$mine" ] ||
		echo "$1: $(layer "$1") must not include \"$2\""
	case $1 in
	common/core/*)
		from=$(family "${1##*/}")
		to=$(family "${2##*/}")
		[ -z "$from" ] || [ -z "$to" ] || [ "$from" = "$to" ] ||
			echo "$1: $from must not include \"$2\""
		;;
	esac
}

angled() { # FILE HEADER
	name=${2%.h}
	if among "$name" "$own_system"; then
		case $1 in
		common/base/* | common/core/*)
			among "$name" "$own_pure" ||
				echo "$1: <$2> has no place in $(layer "$1")"
			;;
		esac
		return
	fi
	library=${name%%/*}
	case $1 in
	*.h) echo "$1: <$2> of a library in a header of ours" ;;
	esac
	home=$(home_of "$library")
	[ -z "$home" ] || [ "$home" = "$1" ] ||
		echo "$1: <$2> belongs in $home alone"
	echo "library $library $1" >&3
}

includes() {
	for file in $(find common milters -name '*.[ch]' | LC_ALL=C sort); do
		sed -nE 's/^[ \t]*#[ \t]*include[ \t]*([<"][^>"]*).*/\1/p' \
			"$file" | while read -r what; do
			case $what in
			\"*) quoted "$file" "${what#?}" ;;
			*) angled "$file" "${what#?}" ;;
			esac
		done
		case $file in
		*.h) guard "$file" ;;
		esac
	done
}

guard() {
	want=GP_$(echo "${1#*/}" | tr 'a-z/.' 'A-Z__')
	[ "$(grep -cE "^#(ifndef|define) $want\$" "$1")" = 2 ] ||
		echo "$1: the include guard is not $want"
}

# The same library in two files.
shared() {
	sort -u "$1" | awk '{ n[$2]++; files[$2] = files[$2] " " $3 }
		END { for (l in n) if (n[l] > 1)
			printf "%s: %s in more than one file\n", files[l], l }'
}

# Symbols that pure code may leave to the C library and to libidn2.
pure='mem[a-z]*|str[a-z]*|snprintf|vsnprintf|malloc|calloc|realloc|free'
pure="$pure|reallocarray|idn2_[a-z0-9_]*|inet_[a-z]*|abort|__[a-z0-9_]*_chk"
pure="$pure|__stack_chk_fail|__errno_location|__assert_fail|qsort|bsearch"
pure="$pure|__ctype_[a-z_]*|_GLOBAL_OFFSET_TABLE_"
impure='strerror|strerror_r|strsignal|strftime|strptime|strfry|__fprintf_chk'
impure="$impure|__printf_chk|__vfprintf_chk|__read_chk|__syslog_chk|__FD_SET_chk"
impure="$impure|__vsyslog_chk|__recv_chk|__getcwd_chk|__poll_chk|__fdelt_chk"

# objects LAYER...: those of the sources that are there now
objects() {
	for layer in "$@"; do
		for source in common/"$layer"/*.c; do
			object=$obj/${source%.c}.o
			[ ! -e "$object" ] || echo "$object"
		done
	done
}

symbols() {
	# shellcheck disable=SC2046
	nm -g --defined-only $(objects base core) |
		awk 'NF == 3 { print $3 }' | sort -u >"$tmp/defined"
	for file in $(objects core); do
		source=common/core/$(basename "$file" .o).c
		nm -u "$file" | awk '{ print $2 }' | sort -u |
			comm -23 - "$tmp/defined" |
			grep -vxE "$pure" | sed "s|^|$source: not pure: |"
		nm -u "$file" | awk '{ print $2 }' | grep -xE "$impure" |
			sed "s|^|$source: not pure: |"
	done
	for file in $(objects base core); do
		size -A "$file" | awk -v file="$file" '
			/^\.(data|bss|tdata|tbss)(\.[^r][^ ]*)? / && $2 > 0 {
			printf "%s: %d bytes of mutable globals (%s)\n",
			    file, $2, $1 }'
	done
	# mta/stand_in.c has what stands in for functions of the C library
	for file in $(objects base core io mta); do
		nm -g --defined-only "$file" | awk -v file="$file" '
			NF == 3 && $3 !~ /^gp_/ &&
			file !~ /\/mta\/stand_in\.o$/ {
			printf "%s: external name without gp_: %s\n", file, $3 }'
	done
}

tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT INT TERM
: >"$tmp/libraries"
{
	includes 3>>"$tmp/libraries"
	shared "$tmp/libraries"
	[ -d "$obj/common/core" ] && symbols
} >"$tmp/found"
[ -s "$tmp/found" ] || exit 0
cat "$tmp/found"
exit 1
