/*
 * redis_url - where a Redis is, and who we are there.
 *
 *   redis://[USER[:PASSWORD]@]HOST[:PORT][/NUMBER]
 *   redis+unix://PATH[?db=NUMBER]
 *
 * USER may be left out before ":PASSWORD": it is the server's default one.  In
 * both "%XX" stands for any octet but NUL, and must for blanks, controls, "%",
 * "/", ":" and "@".  PATH begins with "/" and stands as it is.
 *
 * Source:   RFC 3986 for the parts; the IANA registration of "redis".
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_REDIS_URL_H
#define GP_CORE_REDIS_URL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/limits.h"

#define GP_REDIS_PLACE_MAX    GP_DOMAIN_MAX
#define GP_REDIS_PATH_MAX     107 /* what a socket's address has room for */
#define GP_REDIS_USER_MAX     128
#define GP_REDIS_PASSWORD_MAX 512
#define GP_REDIS_PORT         6379

struct gp_redis_url {
	bool is_unix;
	char place[GP_REDIS_PLACE_MAX + 1]; /* host name, address without
	                                     * brackets, or absolute path */
	uint16_t port;                      /* 0 with a path */
	unsigned number;                    /* of the database, 0 to 1023 */
	char user[GP_REDIS_USER_MAX + 1];
	char password[GP_REDIS_PASSWORD_MAX + 1]; /* "": none */
};

/* gp_redis_url_parse - GP_PERM: err says what is wrong and quotes nothing, as
 * a password could be anywhere in what is malformed. */
GP_MUST_USE enum gp_rc gp_redis_url_parse(struct gp_str s,
    struct gp_redis_url *out, struct gp_err *err);

/* gp_redis_url_show - the URL again, whole but for the password. */
void gp_redis_url_show(const struct gp_redis_url *url, struct gp_buf *out);

#endif
