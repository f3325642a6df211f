/*
 * key_pem - the one private key in a PEM text.  Internal to io/crypto.
 *
 * A text with more than that key in it is refused rather than guessed at: what
 * stands beside it is a mistake, or the rest of an older file.  Lines outside
 * of blocks are comments.
 *
 * Source:   RFC 7468.
 * Blocking: no.
 * Threads:  reentrant.
 */
#ifndef GP_IO_KEY_PEM_H
#define GP_IO_KEY_PEM_H

#include "base/err.h"
#include "base/str.h"

/* What to say of one that needs a password: nobody is there to type it. */
#define GP_KEY_PEM_ENCRYPTED                                                   \
	"it is encrypted, and a daemon has no password; openssl pkey writes "  \
	"it without"

/*
 * gp_key_pem_find - the block from its first line to its last, in `text`.
 * GP_PERM: there is none, or something else too; err says what, in words of
 * ours.
 */
GP_MUST_USE enum gp_rc
gp_key_pem_find(struct gp_str text, struct gp_str *block, struct gp_err *err);

#endif
