# peers.sh - sourced by run.sh: what is measured, and how each is started.
#
# start_X leaves SOCK (where it listens) and PID; it returns 1 when X is not
# installed or can not run here.
# shellcheck shell=bash

socket_there() {
	[ -S "${SOCK#unix:}" ]
}

start_gatepost() {
	start_gatepost_spf gatepost
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

start_rspamd() {
	has rspamd || {
		echo "not installed: skipped"
		return 1
	}
	private || return 1
	SOCK=unix:$T/run/rspamd.sock
	mkdir -p "$T/rspamd"
	cat >"$T/rspamd.conf" <<-CONF
		options {
		  pidfile = "$T/run/rspamd.pid"; tempdir = "$T/rspamd";
		  hs_cache_dir = "$T/rspamd"; cache_file = "$T/rspamd/map.cache";
		  control_socket = "$T/rspamd/control.sock mode=0600";
		  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
		  dns { nameserver = ["127.0.0.1:53"]; timeout = 2s; }
		  filters = ""; explicit_modules = []; local_addrs = [];
		}
		logging { type = "file"; filename = "$T/run/rspamd.log"; level = "error"; }
		worker "rspamd_proxy" {
		  bind_socket = "${SOCK#unix:} mode=0666"; milter = yes; count = 2;
		  timeout = 60s;
		  upstream "self" { default = yes; self_scan = yes; }
		}
		modules { path = "/usr/share/rspamd/plugins/"; }
		actions { reject = 1000; add_header = 900; greylist = 800; }
		spf { }
		milter_headers {
		  use = ["authentication-results"];
		  skip_local = false; skip_authenticated = false;
		}
	CONF
	launch rspamd rspamd -f -i -u root -g root -c "$T/rspamd.conf"
	until_ready rspamd socket_there
}
