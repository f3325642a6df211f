/*
 * postfix_list - the value of smtpd_milters, as an administrator writes it: a
 * list with commas or blanks, { groups } with options, and $references.
 *
 * It is read as written, not expanded: what others have put there is carried
 * over octet by octet.
 *
 * Source:   postconf(5), "DESCRIPTION"; MILTER_README.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POSTFIX_LIST_H
#define GP_CORE_POSTFIX_LIST_H

#include "base/buf.h"

/*
 * gp_postfix_list_next - the next element of *rest: a word, or a group with
 * its braces; *rest moves behind it.
 * GP_NONE  there are no more.
 * GP_PERM  a brace or parenthesis has no partner; *rest begins at that
 *          element.
 */
GP_MUST_USE enum gp_rc
gp_postfix_list_next(struct gp_str *rest, struct gp_str *element);

/* gp_postfix_list_check - GP_PERM with what is wrong about it. */
GP_MUST_USE enum gp_rc
gp_postfix_list_check(struct gp_str value, struct gp_err *err);

/* gp_postfix_list_has - is $name, ${name} or $(name) an element of it? */
bool gp_postfix_list_has(struct gp_str value, const char *name);

/* gp_postfix_refers - does it refer to $name anywhere, also inside a group or
 * a condition?  Not only for lists. */
bool gp_postfix_refers(struct gp_str value, const char *name);

/* gp_postfix_list_add - append "$name" to `out`, then the value. */
void
gp_postfix_list_add(struct gp_buf *out, const char *name, struct gp_str value);

/* gp_postfix_list_remove - append the value without the elements $name, and
 * without what parted them from others. */
void gp_postfix_list_remove(struct gp_buf *out, const char *name,
    struct gp_str value);

/*
 * gp_postfix_list_pack - append the value without blanks, which postconf -P
 * does not take: those between elements become commas, those beside braces and
 * commas go.
 * GP_PERM  a condition "${name ? ...}" has blanks that would be missed.
 */
GP_MUST_USE enum gp_rc gp_postfix_list_pack(struct gp_buf *out,
    struct gp_str value, struct gp_err *err);

#endif
