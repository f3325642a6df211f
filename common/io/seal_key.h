/*
 * seal_key - the secret that our own milters share.
 *
 * STATE-DIR/seal.key holds 32 random bytes as base64 text; the first daemon
 * that starts makes it (mode 0640, its group), with a name that only becomes
 * visible when it is whole, so that daemons that start together agree.
 *
 * Blocking: file I/O.
 * Threads:  load once; gp_seal_key_mac from any.
 */
#ifndef GP_IO_SEAL_KEY_H
#define GP_IO_SEAL_KEY_H

#include "base/err.h"
#include "core/seal.h"

struct gp_seal_key {
	uint8_t bytes[32];
};

/*
 * gp_seal_key_load - read `path`, or make it.  GP_PERM: damaged, readable or
 * writable by others (the message names the chmod), or not creatable;
 * GP_TEMP: no randomness or a passing I/O error.
 */
GP_MUST_USE enum gp_rc
gp_seal_key_load(const char *path, struct gp_seal_key *out, struct gp_err *err);

/* gp_seal_key_mac - a gp_seal_mac_fn; `arg` is a struct gp_seal_key. */
void gp_seal_key_mac(const void *arg, struct gp_str data,
    uint8_t mac[GP_SEAL_MAC_BYTES]);

#endif
