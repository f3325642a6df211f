/* See dkim_der.h. */
#include "core/dkim_der.h"

#define RSA_BITS_MIN 512 /* less was never a key of any use */

enum {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_SEQUENCE = 0x30,
};

/* AlgorithmIdentifier: the object identifier 1.2.840.113549.1.1.1, and NULL
 * behind it, which some leave out. */
#define RSA_ENCRYPTION GP_STR("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define WITH_NULL      GP_STR("\x05\x00")

/* -- reading ------------------------------------------------------------- */

static unsigned
octet(struct gp_str s, size_t i)
{
	return (unsigned char)s.p[i];
}

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

/* The length behind a tag, in its shortest form, of at most 65535; how many
 * octets it takes, or 0. */
static size_t
read_length(struct gp_str s, size_t *length)
{
	if (s.n >= 1 && octet(s, 0) < 0x80) {
		*length = octet(s, 0);
		return 1;
	}
	if (s.n >= 2 && octet(s, 0) == 0x81 && octet(s, 1) >= 0x80) {
		*length = octet(s, 1);
		return 2;
	}
	if (s.n >= 3 && octet(s, 0) == 0x82 && octet(s, 1) > 0) {
		*length = octet(s, 1) << 8 | octet(s, 2);
		return 3;
	}
	return 0;
}

/* Cut one element off the front of `*rest`, of that tag. */
static bool
take(struct gp_str *rest, unsigned tag, struct gp_str *content)
{
	size_t width, n;

	if (rest->n < 2 || octet(*rest, 0) != tag)
		return false;
	width = read_length(skip(*rest, 1), &n);
	if (width == 0 || n > rest->n - 1 - width)
		return false;
	*content = gp_str_n(rest->p + 1 + width, n);
	*rest = skip(*rest, 1 + width + n);
	return true;
}

/* A positive INTEGER without the zero octet before a high bit. */
static bool
take_positive(struct gp_str *rest, struct gp_str *number)
{
	if (!take(rest, DER_INTEGER, number) || number->n == 0 ||
	    octet(*number, 0) >= 0x80)
		return false;
	if (octet(*number, 0) != 0)
		return true;
	*number = skip(*number, 1);
	return number->n > 0 && octet(*number, 0) >= 0x80;
}

static bool
is_odd(struct gp_str number)
{
	return (octet(number, number.n - 1) & 1) != 0;
}

static size_t
count_bits(struct gp_str number)
{
	size_t bits = (number.n - 1) * 8;

	for (unsigned top = octet(number, 0); top > 0; top >>= 1)
		bits++;
	return bits;
}

static enum gp_rc
read_rsa(struct gp_str der, struct gp_dkim_public *out, struct gp_err *err)
{
	struct gp_str numbers;
	size_t bits;

	if (!take(&der, DER_SEQUENCE, &numbers) || der.n > 0 ||
	    !take_positive(&numbers, &out->n) ||
	    !take_positive(&numbers, &out->e) || numbers.n > 0)
		return gp_fail(err, GP_PERM, "p= is no RSA public key");
	bits = count_bits(out->n);
	if (bits < RSA_BITS_MIN)
		return gp_fail(err, GP_PERM, "RSA key under %d bits",
		    RSA_BITS_MIN);
	if (bits > GP_DKIM_RSA_BITS_MAX)
		return gp_fail(err, GP_PERM, "RSA key over %d bits",
		    GP_DKIM_RSA_BITS_MAX);
	if (!is_odd(out->n))
		return gp_fail(err, GP_PERM, "RSA modulus that is even");
	if (!is_odd(out->e) || (out->e.n == 1 && octet(out->e, 0) < 3) ||
	    out->e.n > GP_DKIM_RSA_E_BYTES)
		return gp_fail(err, GP_PERM, "RSA exponent out of range");
	out->type = GP_DKIM_KEY_RSA;
	out->bits = (unsigned)bits;
	return GP_OK;
}

static bool
is_rsa_encryption(struct gp_str algorithm)
{
	struct gp_str id = RSA_ENCRYPTION;

	if (algorithm.n < id.n || !gp_str_eq(gp_str_n(algorithm.p, id.n), id))
		return false;
	algorithm = skip(algorithm, id.n);
	return algorithm.n == 0 || gp_str_eq(algorithm, WITH_NULL);
}

enum gp_rc
gp_dkim_der_parse(struct gp_str der, struct gp_dkim_public *out,
    struct gp_err *err)
{
	struct gp_str rest = der, content, algorithm, bits;

	if (!take(&rest, DER_SEQUENCE, &content) || rest.n > 0)
		return gp_fail(err, GP_PERM, "p= is no public key in DER");
	if (content.n > 0 && octet(content, 0) == DER_INTEGER)
		return read_rsa(der, out, err);
	if (!take(&content, DER_SEQUENCE, &algorithm) ||
	    !take(&content, DER_BIT_STRING, &bits) || content.n > 0)
		return gp_fail(err, GP_PERM, "p= is no public key in DER");
	if (!is_rsa_encryption(algorithm))
		return gp_fail(err, GP_PERM, "p= is a key of another type");
	/* the first octet counts the bits that the last one has too many */
	if (bits.n == 0 || octet(bits, 0) != 0)
		return gp_fail(err, GP_PERM, "p= is no RSA public key");
	return read_rsa(skip(bits, 1), out, err);
}

/* -- writing ------------------------------------------------------------- */

static void
put(unsigned tag, size_t n, struct gp_buf *out)
{
	gp_buf_addc(out, (char)tag);
	if (n > 0xff)
		gp_buf_addc(out, (char)0x82);
	else if (n > 0x7f)
		gp_buf_addc(out, (char)0x81);
	if (n > 0xff)
		gp_buf_addc(out, (char)(n >> 8));
	gp_buf_addc(out, (char)(n & 0xff));
}

static void
put_element(unsigned tag, const struct gp_buf *content, struct gp_buf *out)
{
	put(tag, content->n, out);
	gp_buf_add_str(out, gp_buf_str(content));
}

static void
put_positive(struct gp_str number, struct gp_buf *out)
{
	bool high = octet(number, 0) >= 0x80;

	put(DER_INTEGER, number.n + high, out);
	if (high)
		gp_buf_addc(out, 0);
	gp_buf_add_str(out, number);
}

void
gp_dkim_der_format(const struct gp_dkim_public *key, struct gp_buf *out)
{
	struct gp_buf inner, outer;

	gp_buf_init(&inner, GP_DKIM_DER_MAX);
	gp_buf_init(&outer, GP_DKIM_DER_MAX);
	put_positive(key->n, &inner);
	put_positive(key->e, &inner);
	gp_buf_addc(&outer, 0);
	put_element(DER_SEQUENCE, &inner, &outer);
	gp_buf_reset(&inner);
	put(DER_SEQUENCE, RSA_ENCRYPTION.n + WITH_NULL.n, &inner);
	gp_buf_add_str(&inner, RSA_ENCRYPTION);
	gp_buf_add_str(&inner, WITH_NULL);
	put_element(DER_BIT_STRING, &outer, &inner);
	put_element(DER_SEQUENCE, &inner, out);
	gp_buf_clear(&inner);
	gp_buf_clear(&outer);
}
