/*
 * json - write a JSON text into a buffer, member by member.
 *
 * Commas and nesting are kept here; a string is escaped, and octets that are
 * not UTF-8 become U+FFFD, so that what comes out is always valid.
 *
 * Source:   RFC 8259.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_JSON_H
#define GP_CORE_JSON_H

#include "base/buf.h"

#include <stdint.h>

#define GP_JSON_DEPTH_MAX 16 /* the caller nests no deeper */

struct gp_json {
	struct gp_buf *out;
	unsigned depth;
	bool more[GP_JSON_DEPTH_MAX + 1]; /* a member stands there already */
	char close[GP_JSON_DEPTH_MAX + 1];
};

/* gp_json_init - write to `out`, borrowed. */
void gp_json_init(struct gp_json *j, struct gp_buf *out);

/*
 * One member each.  `key` is NULL in an array and for the outermost value.  A
 * NULL string is null.
 */
void gp_json_object(struct gp_json *j, const char *key);
void gp_json_array(struct gp_json *j, const char *key);
void gp_json_string(struct gp_json *j, const char *key, const char *value);
void gp_json_str(struct gp_json *j, const char *key, struct gp_str value);
void gp_json_int(struct gp_json *j, const char *key, int64_t value);
void gp_json_bool(struct gp_json *j, const char *key, bool value);
void gp_json_null(struct gp_json *j, const char *key);

/* gp_json_end - close the object or array that was opened last. */
void gp_json_end(struct gp_json *j);

#endif
