# peers.sh - sourced by run.sh: what is measured, and how each is started.
#
# start_X leaves SOCK (where it listens) and PID; it returns 1 when X is not
# installed or can not run here.
# shellcheck shell=bash

socket_there() {
	[ -S "${SOCK#unix:}" ]
}

start_gatepost() {
	start_daemon spf gatepost
}

start_noop() {
	SOCK=unix:$T/run/noop.sock
	launch noop "$O/bench/noop" "$SOCK"
	until_ready noop socket_there
}

# Peers ask the system's resolver: they need a network of their own.
private() {
	[ -n "${BENCH_NS:-}" ] || {
		echo "not in a network namespace: skipped"
		return 1
	}
}

start_pyspf() {
	has pyspf-milter || {
		echo "not installed: skipped"
		return 1
	}
	private || return 1
	SOCK=unix:$T/run/pyspf.sock
	cat >"$T/pyspf.conf" <<-CONF
		Socket = local:${SOCK#unix:}
		PidFile = $T/run/pyspf.pid
		UserID = root
		InternalHosts = 127.0.0.1
		skip_addresses = 127.0.0.0/8
		Header_Type = AR
		Authserv_Id = mx.local.example
		TestOnly = 1
		debugLevel = 0
		HELO_reject = False
		Mail_From_reject = False
		PermError_reject = False
		TempError_Defer = False
	CONF
	launch pyspf /usr/bin/python3 /usr/bin/pyspf-milter "$T/pyspf.conf"
	until_ready pyspf socket_there
}

# rspamd_as NAME FILTERS: with the modules of standard input
rspamd_as() {
	local name=$1 filters=$2
	has rspamd || {
		echo "not installed: skipped"
		return 1
	}
	private || return 1
	SOCK=unix:$T/run/$name.sock
	mkdir -p "$T/$name"
	cat >"$T/$name.conf" <<-CONF
		options {
		  pidfile = "$T/run/$name.pid"; tempdir = "$T/$name";
		  hs_cache_dir = "$T/$name"; cache_file = "$T/$name/map.cache";
		  control_socket = "$T/$name/control.sock mode=0600";
		  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
		  dns { nameserver = ["127.0.0.1:53"]; timeout = 2s; }
		  filters = "$filters"; explicit_modules = []; local_addrs = [];
		  max_message = 50Mb;
		}
		logging { type = "file"; filename = "$T/run/$name.log"; level = "error"; }
		worker "rspamd_proxy" {
		  bind_socket = "${SOCK#unix:} mode=0666"; milter = yes; count = 2;
		  timeout = 60s;
		  upstream "self" { default = yes; self_scan = yes; }
		}
		modules { path = "/usr/share/rspamd/plugins/"; }
		actions { reject = 1000; add_header = 900; greylist = 800; }
		milter_headers {
		  use = ["authentication-results"];
		  skip_local = false; skip_authenticated = false;
		}
		$(cat)
	CONF
	launch "$name" rspamd -f -i -u root -g root -c "$T/$name.conf"
	until_ready "$name" socket_there
}

start_rspamd() {
	rspamd_as rspamd "" <<-CONF
		spf { }
	CONF
}

# -- DKIM: each signs for 127.0.0.1 and verifies for others -----------------
start_gatepost-dkim() {
	mkdir -p "$T/gatepost-dkim"
	gatepost_conf "$T/gatepost-dkim/gatepost.conf"
	dkim_domains "$T/gatepost-dkim/gatepost.conf"
	start_daemon dkim gatepost-dkim
}

# Its algorithm is one for the whole daemon: two of them.
start_opendkim() {
	opendkim_as opendkim sv s rsa rsa-sha256
}

start_opendkim-ed() {
	opendkim_as opendkim-ed s e ed ed25519-sha256
}

# opendkim_as NAME MODE LETTER SELECTOR ALGORITHM
opendkim_as() {
	has opendkim || {
		echo "not installed: skipped"
		return 1
	}
	private || return 1
	SOCK=unix:$T/run/$1.sock
	cat >"$T/$1.conf" <<-CONF
		Mode $2
		Socket local:${SOCK#unix:}
		Domain csl:$(printf "$3%s.example," 0 1 2 3 4 5 6 7 8)${3}9.example
		Selector $4
		KeyFile $T/mail/keys/$4.pem
		SignatureAlgorithm $5
		Canonicalization relaxed/relaxed
		OversignHeaders From
		InternalHosts csl:127.0.0.0/8
		AuthservID mx.local.example
		AlwaysAddARHeader yes
		Nameservers 127.0.0.1
		RequireSafeKeys no
		Background no
		AutoRestart no
		Syslog no
		LogWhy no
	CONF
	launch "$1" opendkim -f -x "$T/$1.conf" -P "$T/run/$1.pid"
	until_ready "$1" socket_there
}

start_rspamd-dkim() {
	local i keys=
	for ((i = 0; i < 10; i++)); do
		keys+="s$i.example { selector = \"rsa\"; path = \"$T/mail/keys/rsa.pem\"; }
		e$i.example { selector = \"ed\"; path = \"$T/mail/keys/ed.seed\"; } "
	done
	rspamd_as rspamd-dkim dkim <<-CONF
		dkim { }
		dkim_signing {
		  enabled = true; sign_networks = ["127.0.0.0/8"];
		  use_domain = "header"; use_esld = false; check_pubkey = false;
		  allow_username_mismatch = true;
		  domain { $keys }
		}
	CONF
}

# -- DMARC, and all three ----------------------------------------------------
start_gatepost-dmarc() {
	start_daemon dmarc gatepost-dmarc
}

# opendmarc_as NAME true|false: with SPF of its own, or by the fields it finds
opendmarc_as() {
	has opendmarc || {
		echo "not installed: skipped"
		return 1
	}
	private || return 1
	SOCK=unix:$T/run/$1.sock
	echo 127.0.0.1 >"$T/$1.ignore"
	cat >"$T/$1.conf" <<-CONF
		Socket local:${SOCK#unix:}
		AuthservID mx.local.example
		TrustedAuthservIDs mx.local.example
		IgnoreHosts $T/$1.ignore
		PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
		RejectFailures false
		SPFIgnoreResults $2
		SPFSelfValidate $2
		Background false
		AutoRestart false
		Syslog false
	CONF
	launch "$1" opendmarc -f -c "$T/$1.conf" -P "$T/run/$1.pid"
	until_ready "$1" socket_there
}

start_opendmarc() {
	opendmarc_as opendmarc false
}

# What one no-op filter costs three times over.
start_noop-x3() {
	SOCK=unix:$T/run/noop.sock
	SOCK="$SOCK $SOCK $SOCK"
	PID=${PIDS[noop]}
}

# Three daemons with one seal, in the order of their work.
start_gatepost-chain() {
	local name socks=() pids=()
	STATE=$T/chain-state
	mkdir -p "$STATE"
	for name in spf dkim dmarc; do
		start_daemon "$name" "chain-$name" || return 1
		socks+=("$SOCK")
		pids+=("$PID")
	done
	unset STATE
	SOCK="${socks[*]}"
	PID=$(IFS=,; echo "${pids[*]}")
}

# SPF is opendmarc's in this pair.
start_opendkim-opendmarc() {
	local sock pid
	opendkim_as chain-opendkim v s rsa rsa-sha256 || return 1
	sock=$SOCK pid=$PID
	opendmarc_as chain-opendmarc true || return 1
	SOCK="$sock $SOCK" PID=$pid,$PID
}

start_rspamd-auth() {
	rspamd_as rspamd-auth dkim <<-CONF
		spf { }
		dkim { }
		dmarc { }
	CONF
}

# -- limits: large enough that every message passes ---------------------------
# rate_conf FILE STORE: of each message four limits of five rates hold, or five
# with a login
rate_conf() {
	local i
	gatepost_conf "$1"
	cat >>"$1" <<-CONF
		store = "$2"
		rate { login-limit = { "100000000/1h" } }
		limit "host" { by = { "all" } rate = { "10000000/1m" } }
		profile "bench" {
		  limit "pace" { rate = { "1000000/1m", "50000000/1h" } }
		  limit "sender" { count = messages by = { "sender" } rate = { "100000/5m" } }
		  limit "client" { by = { "client" } rate = { "10000000/1m" } }
		}
	CONF
	for ((i = 0; i < 10; i++)); do
		echo "domain \"s$i.example\" { profile = bench }"
	done >>"$1"
}

start_gatepost-rate() {
	mkdir -p "$T/gatepost-rate"
	rate_conf "$T/gatepost-rate/gatepost.conf" lmdb
	start_daemon rate gatepost-rate
}

# redis_as NAME: a server of its own; REDIS_PORT and PID
redis_as() {
	has redis-server || {
		echo "no redis-server: skipped"
		return 1
	}
	REDIS_PORT=$(free_port)
	mkdir -p "$T/$1"
	launch "$1" redis-server --port "$REDIS_PORT" --bind 127.0.0.1 \
		--save '' --appendonly no --dir "$T/$1"
	until_ready "$1" redis-cli -p "$REDIS_PORT" ping >/dev/null
}

start_gatepost-rate-redis() {
	redis_as rate-redis || return 1
	# shellcheck disable=SC2034
	HELPER=$PID
	mkdir -p "$T/gatepost-rate-redis"
	rate_conf "$T/gatepost-rate-redis/gatepost.conf" \
		"redis://127.0.0.1:$REDIS_PORT/0"
	start_daemon rate gatepost-rate-redis
}

# It counts messages; the same keys, its other settings as packaged.
start_rspamd-rate() {
	local name rates=
	redis_as rspamd-redis || return 1
	# shellcheck disable=SC2034
	HELPER=$PID
	for name in 'pace:from("smtp"):domain' 'sender:from("smtp"):addr.lower' \
		client:ip 'host:id("host")'; do
		rates+="${name%%:*} { selector = '${name#*:}';
		  bucket = { burst = 100000000; rate = \"1000000 / 1s\"; } } "
	done
	rspamd_as rspamd-rate "" <<-CONF
		redis { servers = "127.0.0.1:$REDIS_PORT"; }
		ratelimit { rates { $rates } }
		milter_headers {
		  use = ["x-rspamd-queue-id"];
		  routines { x-rspamd-queue-id { header = "X-Rspamd-Queue-Id"; } }
		}
	CONF
}
