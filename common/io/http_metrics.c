/* See http_metrics.h. */
#include "io/http_metrics.h"

#include "base/xalloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define THREADS      4
#define MEMORY_BYTES 16384 /* of one connection, for its request */
#define PAGE_MAX     8388608

struct gp_http {
	struct MHD_Daemon *daemon;
	gp_http_fn page;
	void *arg;
};

enum gp_rc
gp_http_address_parse(struct gp_str s, struct gp_http_address *out,
    struct gp_err *err)
{
	struct gp_str ip = s;
	struct gp_str port;
	uint64_t number;
	size_t colon = s.n;

	while (colon > 0 && s.p[colon - 1] != ':')
		colon--;
	if (colon == 0)
		goto odd;
	port = gp_str_n(s.p + colon, s.n - colon);
	ip.n = colon - 1;
	if (ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
		ip = gp_str_n(ip.p + 1, ip.n - 2);
	else if (gp_str_find(ip, ':') < ip.n)
		goto odd;
	if (gp_ip_parse(ip, &out->ip) != GP_OK ||
	    gp_parse_u64(port, UINT16_MAX, &number) != GP_OK)
		goto odd;
	out->port = (uint16_t)number;
	return GP_OK;
odd:
	return gp_fail(err, GP_PERM,
	    "\"%.*s\": expected ADDRESS:PORT, \"127.0.0.1:19547\" or "
	    "\"[::1]:19547\"",
	    GP_STR_ARG(s));
}

/* -- answers ----------------------------------------------------------------
 */

static enum MHD_Result
send_text(struct MHD_Connection *connection, unsigned status, const char *type,
    struct gp_str text)
{
	union {
		const void *in;
		void *out;
	} body = { .in = text.n == 0 ? "" : text.p };
	struct MHD_Response *r = MHD_create_response_from_buffer(text.n,
	    body.out, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO;
	if (MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) ==
		MHD_NO ||
	    (status == MHD_HTTP_METHOD_NOT_ALLOWED &&
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW,
		    "GET, HEAD") == MHD_NO))
		result = MHD_NO;
	else
		result = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result
send_page(const struct gp_http *h, struct MHD_Connection *connection)
{
	struct gp_buf page;
	enum MHD_Result result;

	gp_buf_init(&page, PAGE_MAX);
	h->page(h->arg, &page);
	result = send_text(connection, MHD_HTTP_OK,
	    "text/plain; version=0.0.4; charset=utf-8", gp_buf_str(&page));
	gp_buf_clear(&page);
	return result;
}

/* Answered at once, whatever a body may still say. */
/* NOLINTBEGIN(readability-non-const-parameter): the library's type */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **own)
/* NOLINTEND(readability-non-const-parameter) */
{
	static const char plain[] = "text/plain; charset=utf-8";

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)own;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain,
		    GP_STR("only GET and HEAD\n"));
	if (strcmp(url, "/metrics") == 0)
		return send_page(arg, connection);
	if (strcmp(url, "/healthz") == 0)
		return send_text(connection, MHD_HTTP_OK, plain,
		    GP_STR("ok\n"));
	return send_text(connection, MHD_HTTP_NOT_FOUND, plain,
	    GP_STR("there are /metrics and /healthz\n"));
}

/* -- open and close ---------------------------------------------------------
 */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address
to_socket(const struct gp_http_address *at)
{
	union address a = { .v6 = { .sin6_family = AF_INET6 } };

	if (at->ip.family == GP_IP_V4) {
		a.v4 = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_port = htons(at->port) };
		memcpy(&a.v4.sin_addr, at->ip.b, sizeof(a.v4.sin_addr));
	} else {
		a.v6.sin6_port = htons(at->port);
		memcpy(&a.v6.sin6_addr, at->ip.b, sizeof(a.v6.sin6_addr));
	}
	return a;
}

enum gp_rc
gp_http_open(const struct gp_http_address *at, gp_http_fn page, void *arg,
    struct gp_http **out, struct gp_err *err)
{
	const union address a = to_socket(at);
	const unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
	                       (at->ip.family == GP_IP_V4 ? 0 : MHD_USE_IPv6);
	struct gp_http *h = gp_xcalloc(1, sizeof(*h));

	h->page = page;
	h->arg = arg;
	errno = 0;
	h->daemon = MHD_start_daemon(flags, at->port, NULL, NULL, on_request, h,
	    MHD_OPTION_SOCK_ADDR, &a.any, MHD_OPTION_THREAD_POOL_SIZE,
	    (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)GP_HTTP_CLIENTS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)GP_HTTP_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)GP_HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)MEMORY_BYTES, MHD_OPTION_END);
	if (h->daemon == NULL) {
		free(h);
		return gp_fail(err, GP_TEMP, "can't listen: %s",
		    strerrordesc_np(errno == 0 ? EIO : errno));
	}
	*out = h;
	return GP_OK;
}

void
gp_http_close(struct gp_http *h)
{
	if (h == NULL)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}

uint16_t
gp_http_port(const struct gp_http *h)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info == NULL ? 0 : info->port;
}
