/* See base64.h. */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(const uint8_t *in, size_t n, const char *alphabet, bool pad,
    struct gp_buf *out)
{
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (have > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			bits |= in[i + 2];
		for (unsigned c = 0; c < 4; c++) {
			if (c <= have)
				gp_buf_addc(out,
				    alphabet[bits >> (18 - 6 * c) & 63]);
			else if (pad)
				gp_buf_addc(out, '=');
		}
	}
}

void
gp_base64_encode(const uint8_t *in, size_t n, struct gp_buf *out)
{
	encode(in, n, standard, true, out);
}

void
gp_base64url_encode(const uint8_t *in, size_t n, struct gp_buf *out)
{
	encode(in, n, url_safe, false, out);
}

static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (gp_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four characters, `pad` of them padding: the bits, or -1. */
static int32_t
group_bits(const char *p, size_t pad)
{
	int32_t bits = 0;

	for (size_t c = 0; c < 4; c++) {
		int value = c < 4 - pad ? digit_value(p[c]) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
	}
	if (pad != 0 && (bits & (pad == 1 ? 0xff : 0xffff)) != 0)
		return -1;
	return bits;
}

enum gp_rc
gp_base64_decode(struct gp_str text, uint8_t *out, size_t max, size_t *n)
{
	size_t pad = 0;
	size_t length = 0;

	*n = 0;
	while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
		pad++;
	if (text.n % 4 != 0 || text.n / 4 * 3 - pad > max)
		return GP_PERM;
	for (size_t i = 0; i < text.n; i += 4) {
		size_t missing = i + 4 == text.n ? pad : 0;
		int32_t bits = group_bits(text.p + i, missing);

		if (bits < 0)
			return GP_PERM;
		for (size_t b = 0; b < 3 - missing; b++)
			out[length++] = (uint8_t)(bits >> (16 - 8 * b) & 0xff);
	}
	*n = length;
	return GP_OK;
}
