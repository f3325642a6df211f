/* See err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum gp_rc
gp_fail(struct gp_err *err, enum gp_rc rc, const char *fmt, ...)
{
	if (err != NULL) {
		va_list ap;

		va_start(ap, fmt);
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return rc;
}

enum gp_rc
gp_rc_of_errno(int error)
{
	switch (error) {
	case EINTR:
	case EAGAIN:
	case EIO:
	case ENOSPC:
	case EDQUOT:
	case ENFILE:
	case EMFILE:
	case ENOMEM:
	case ESTALE:
		return GP_TEMP;
	default:
		return GP_PERM;
	}
}

const char *
gp_rc_name(enum gp_rc rc)
{
	switch (rc) {
	case GP_OK:
		return "ok";
	case GP_NONE:
		return "none";
	case GP_TEMP:
		return "temporary";
	case GP_PERM:
		break;
	}
	return "permanent";
}
