// SPDX-License-Identifier: GPL-2.0-only
/*
 * negotiate.c - the handshake, both sides
 *
 * HELLO from the client; WELCOME, REFUSE or EXPORTS from the server.  This is
 * all that an unaccepted peer can reach, so it is small, stores nothing, and
 * every wait has a limit.
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/byteorder.h>

#include "session.h"

/* versions of this side, newest first */
static const u16 versions[] = { RIOD_VERSION_1 };
static_assert(ARRAY_SIZE(versions) <= RIOD_VERSIONS_MAX);

/* optional features of this side */
#define FEATURES	(RIOD_FEATURE_RESUME | RIOD_FEATURE_EXACT)

#define HANDSHAKE_MS	10000
/* longest send of a WELCOME that resumes a session; it is the first frame to the peer */
#define RESUMED_MS	1000

#define HELLO_FRAME	(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_hello))
#define ANSWER_FRAME	(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_refuse))
static_assert(sizeof(struct riod_wire_refuse) >= sizeof(struct riod_wire_welcome));

static const char * const reasons[] = {
	[RIOD_REASON_NONE]		= "no reason given",
	[RIOD_REASON_VERSION]		= "no protocol version in common",
	[RIOD_REASON_NOT_ALLOWED]	= "not in the allow list of the export",
	[RIOD_REASON_NO_EXPORT]		= "no export of that name",
	[RIOD_REASON_AMBIGUOUS]		= "several exports, one must be named",
	[RIOD_REASON_BUSY]		= "the export is attached already",
	[RIOD_REASON_PROTOCOL]		= "the peer broke the protocol",
	[RIOD_REASON_LIMIT]		= "too many connections",
	[RIOD_REASON_NO_MEMORY]		= "out of memory",
	[RIOD_REASON_DEVICE]		= "the device failed, or somebody else reset it",
	[RIOD_REASON_UNBIND]		= "the export was taken back",
	[RIOD_REASON_DETACH]		= "the VMM host detached",
	[RIOD_REASON_TIMEOUT]		= "the peer fell silent",
	[RIOD_REASON_CLOSED]		= "the connection broke",
	[RIOD_REASON_SHUTDOWN]		= "one of the hosts shuts down or suspends",
	[RIOD_REASON_SHADOW_MAX]	= "the guest mapped more than shadow_max_mib",
	[RIOD_REASON_GONE]		= "the server host's device was removed or unbound",
	[RIOD_REASON_EVENTS]		= "too many events were waiting to be sent",
	[RIOD_REASON_MEMORY_MAX]	= "a memory limit of a host was reached, see its log",
	[RIOD_REASON_POISON]		= "the guest's memory has a hardware error",
	[RIOD_REASON_NO_SESSION]	= "the server host no longer has the session",
	[RIOD_REASON_ERROR]		= "the device reported an uncorrectable PCI Express error",
};

const char *riod_reason_str(enum riod_reason reason)
{
	if ((unsigned int)reason >= ARRAY_SIZE(reasons))
		return "unknown reason";
	return reasons[reason];
}
EXPORT_SYMBOL_GPL(riod_reason_str);

/* ------------------------------------------------------------ both sides */

/*
 * An unaccepted peer has this long for each frame, even if it sends single
 * bytes (&riod_transport_ops.timeouts).
 */
static void limit_waits(struct riod_conn *conn)
{
	conn->ops->timeouts(conn, HANDSHAKE_MS, HANDSHAKE_MS);
}

/* the handshake is done: the session sets its own timeouts */
static void free_waits(struct riod_conn *conn)
{
	conn->ops->timeouts(conn, 0, 0);
}

/* send one frame and free it */
static int send_frame(struct riod_conn *conn, struct riod_frame *f)
{
	LIST_HEAD(frames);
	int err;

	list_add_tail(&f->list, &frames);
	err = conn->ops->send(conn, &frames);
	riod_frame_free(f);
	return err;
}

/* NUL-terminated, NUL-padded, and ASCII from @lowest up */
static bool text_valid(const char *s, size_t size, unsigned char lowest)
{
	size_t len = strnlen(s, size);
	size_t i;

	if (len == size)
		return false;
	for (i = 0; i < len; i++) {
		unsigned char c = s[i];

		if (c < lowest || c > '~')
			return false;
	}
	return !memchr_inv(s + len, 0, size - len);
}

#define name_valid(field) text_valid(field, sizeof(field), '!')
#define reason_text_valid(field) text_valid(field, sizeof(field), ' ')

/* every handshake body begins with the magic, whatever the version */
static bool has_magic(const struct riod_frame *f)
{
	return f->len >= sizeof(__le32) &&
	       *(const __le32 *)f->body == cpu_to_le32(RIOD_WIRE_MAGIC);
}

static bool header_clear(const struct riod_frame_hdr *h)
{
	return !h->func && !h->flags && !h->rsvd && !h->seq && !h->ack;
}

/* both directions use the smaller offer; each side computes it */
static u32 agree_window(u32 theirs)
{
	return min_t(u32, theirs, RIOD_WINDOW_DEFAULT);
}

static u32 agree_max_frame(u32 theirs)
{
	return min_t(u32, theirs, RIOD_FRAME_MAX);
}

/* ------------------------------------------------------------ client */

/* NULL: out of memory */
static struct riod_frame *make_hello(enum riod_intent intent)
{
	struct riod_wire_hello *h;
	struct riod_frame *f;
	unsigned int i;

	f = riod_frame_alloc(RIOD_FRAME_HELLO, 0, sizeof(*h), GFP_KERNEL);
	if (!f)
		return NULL;
	h = (struct riod_wire_hello *)f->body;
	h->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	h->nversions = cpu_to_le16(ARRAY_SIZE(versions));
	h->intent = intent;
	h->window = cpu_to_le32(RIOD_WINDOW_DEFAULT);
	h->max_frame = cpu_to_le32(RIOD_FRAME_MAX);
	for (i = 0; i < ARRAY_SIZE(versions); i++)
		h->versions[i] = cpu_to_le16(versions[i]);
	return f;
}

/* text for the user if the peer sent none */
static void explain(struct riod_refusal *refusal, int err)
{
	const char *text;

	switch (err) {
	case -ECONNREFUSED:
		return;
	case -EPROTO:
		text = "does not speak riod";
		break;
	case -ETIMEDOUT:
		text = "does not answer";
		break;
	case -ECONNRESET:
	case -EPIPE:
		text = "closed the connection without an answer";
		break;
	case -ENOMEM:
		text = "could not be asked: out of memory";
		break;
	default:
		text = "could not be asked";
		break;
	}
	if (!refusal->text[0])
		strscpy(refusal->text, text);
}

/* a fault with a better description than "does not speak riod" */
static int broken(struct riod_refusal *refusal, const char *text)
{
	strscpy(refusal->text, text);
	return -EPROTO;
}

static int read_refuse(const struct riod_frame *f, struct riod_refusal *refusal)
{
	const struct riod_wire_refuse *r = (const void *)f->body;
	u16 reason;

	if (f->len != sizeof(*r) || !reason_text_valid(r->text))
		return broken(refusal, "refused with a malformed answer");
	/* a newer peer may have reasons unknown to us: keep its text */
	reason = le16_to_cpu(r->reason);
	if (reason == RIOD_REASON_NONE || reason >= ARRAY_SIZE(reasons))
		reason = RIOD_REASON_PROTOCOL;
	refusal->reason = reason;
	refusal->peer_version = le16_to_cpu(r->version);
	strscpy(refusal->text, r->text[0] ? r->text : riod_reason_str(reason));
	return reason == RIOD_REASON_VERSION ? -EPROTONOSUPPORT : -ECONNREFUSED;
}

/* receive the answer to a HELLO; an answer that is not @want becomes an error */
static struct riod_frame *recv_answer(struct riod_conn *conn, u8 want, u32 max_frame,
				      struct riod_refusal *refusal)
{
	struct riod_frame *f;
	int err;

	f = conn->ops->recv(conn, max_frame);
	if (IS_ERR(f))
		return f;
	err = -EPROTO;
	if (!has_magic(f))
		goto out_free;
	if (!header_clear(&f->hdr))
		err = broken(refusal, "answered with a malformed header");
	else if (f->hdr.type == RIOD_FRAME_REFUSE)
		err = read_refuse(f, refusal);
	else if (f->hdr.type != want)
		err = broken(refusal, "answered with the wrong frame");
	else
		return f;
out_free:
	riod_frame_free(f);
	return ERR_PTR(err);
}

static bool offered(u16 version)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		if (versions[i] == version)
			return true;
	}
	return false;
}

static const char *welcome_fault(const struct riod_wire_welcome *w)
{
	u32 keepalive = le32_to_cpu(w->keepalive_ms);
	u32 lost = le32_to_cpu(w->lost_ms);

	if (!offered(le16_to_cpu(w->version)))
		return "chose a version that was not offered";
	if (!w->nfuncs || w->nfuncs > RIOD_FUNCS_MAX)
		return "offers an impossible number of functions";
	if (w->rsvd || le64_to_cpu(w->features) & ~FEATURES)
		return "answered with reserved fields set";
	if (le32_to_cpu(w->window) < RIOD_WINDOW_MIN ||
	    le32_to_cpu(w->max_frame) < RIOD_FRAME_MIN)
		return "offers a window or a frame size below the minimum";
	if (!memchr_inv(w->session, 0, sizeof(w->session)))
		return "gave no session id";
	if (keepalive < RIOD_KEEPALIVE_MIN_MS || keepalive > RIOD_KEEPALIVE_MAX_MS ||
	    lost < 2 * keepalive || lost > RIOD_LOST_MAX_MS)
		return "asks for an impossible keepalive";
	return NULL;
}

static int read_welcome(const struct riod_frame *f, struct riod_session_params *p,
			struct riod_refusal *refusal)
{
	const struct riod_wire_welcome *w = (const void *)f->body;
	const char *fault;

	if (f->len != sizeof(*w))
		return broken(refusal, "answered with a WELCOME of the wrong length");
	fault = welcome_fault(w);
	if (fault)
		return broken(refusal, fault);
	*p = (struct riod_session_params) {
		.version = le16_to_cpu(w->version),
		.nfuncs = w->nfuncs,
		.tx_window = agree_window(le32_to_cpu(w->window)),
		.tx_max_frame = agree_max_frame(le32_to_cpu(w->max_frame)),
		.rx_max_frame = RIOD_FRAME_MAX,
		.features = le64_to_cpu(w->features),
		.keepalive_ms = le32_to_cpu(w->keepalive_ms),
		.lost_ms = le32_to_cpu(w->lost_ms),
	};
	memcpy(p->id, w->session, sizeof(p->id));
	return 0;
}

/* receive a WELCOME; *@rx_seq is set */
static int recv_welcome(struct riod_conn *conn, struct riod_session_params *params,
			u64 *rx_seq, struct riod_refusal *refusal)
{
	struct riod_frame *f;
	int err;

	f = recv_answer(conn, RIOD_FRAME_WELCOME, ANSWER_FRAME, refusal);
	if (IS_ERR(f))
		return PTR_ERR(f);
	err = read_welcome(f, params, refusal);
	if (!err)
		*rx_seq = le64_to_cpu(((struct riod_wire_welcome *)f->body)->rx_seq);
	riod_frame_free(f);
	return err;
}

static int ask_attach(struct riod_conn *conn, const char *export,
		      const struct riod_session_wish *wish,
		      struct riod_session_params *params,
		      struct riod_refusal *refusal)
{
	struct riod_frame *f = make_hello(RIOD_INTENT_ATTACH);
	struct riod_wire_hello *h;
	u64 rx_seq = 0;
	int err;

	if (!f)
		return -ENOMEM;
	h = (struct riod_wire_hello *)f->body;
	h->features = cpu_to_le64(wish->features);
	h->lost_ms = cpu_to_le64(wish->lost_ms);
	strscpy(h->export, export);
	err = send_frame(conn, f);
	if (!err)
		err = recv_welcome(conn, params, &rx_seq, refusal);
	if (!err && (rx_seq || params->features & ~wish->features))
		err = broken(refusal, "answered with reserved fields set");
	return err;
}

int riod_negotiate_attach(struct riod_conn *conn, const char *export,
			  const struct riod_session_wish *wish,
			  struct riod_session_params *params,
			  struct riod_refusal *refusal)
{
	static const struct riod_session_wish none;
	int err;

	memset(refusal, 0, sizeof(*refusal));
	if (strlen(export) >= RIOD_NAME_LEN) {
		strscpy(refusal->text, "could not be asked: the export's name is too long");
		return -EINVAL;
	}
	limit_waits(conn);
	err = ask_attach(conn, export, wish ?: &none, params, refusal);
	if (err)
		explain(refusal, err);
	else
		free_waits(conn);
	return err;
}
EXPORT_SYMBOL_GPL(riod_negotiate_attach);

static int ask_resume(struct riod_conn *conn, const struct riod_session_params *params,
		      u64 rx_seq, u64 *peer_rx_seq, struct riod_refusal *refusal)
{
	struct riod_frame *f = make_hello(RIOD_INTENT_RESUME);
	struct riod_session_params again;
	struct riod_wire_hello *h;
	int err;

	if (!f)
		return -ENOMEM;
	h = (struct riod_wire_hello *)f->body;
	h->features = cpu_to_le64(params->features);
	h->rx_seq = cpu_to_le64(rx_seq);
	memcpy(h->session, params->id, sizeof(h->session));
	err = send_frame(conn, f);
	if (!err)
		err = recv_welcome(conn, &again, peer_rx_seq, refusal);
	if (err)
		return err;
	if (memcmp(again.id, params->id, sizeof(again.id)) ||
	    again.version != params->version || again.nfuncs != params->nfuncs ||
	    again.features != params->features)
		return broken(refusal, "resumed another session");
	return 0;
}

int riod_negotiate_resume(struct riod_conn *conn, const struct riod_session_params *params,
			  u64 rx_seq, unsigned int timeout_ms, u64 *peer_rx_seq,
			  struct riod_refusal *refusal)
{
	int err;

	memset(refusal, 0, sizeof(*refusal));
	timeout_ms = clamp(timeout_ms, 1, HANDSHAKE_MS);
	conn->ops->timeouts(conn, timeout_ms, timeout_ms);
	err = ask_resume(conn, params, rx_seq, peer_rx_seq, refusal);
	if (err)
		explain(refusal, err);
	return err;
}

static bool export_valid(const struct riod_wire_export *e)
{
	return e->name[0] && name_valid(e->name) &&
	       le32_to_cpu(e->class) < BIT(24) &&
	       e->nfuncs && e->nfuncs <= RIOD_FUNCS_MAX &&
	       !(e->flags & ~RIOD_EXPORT_F_BUSY) && !e->rsvd[0] && !e->rsvd[1];
}

static int read_exports(const struct riod_frame *f, struct riod_wire_export **exports,
			u32 *total, struct riod_refusal *refusal)
{
	const struct riod_wire_exports *x = (const void *)f->body;
	u32 count, i;

	if (f->len < sizeof(*x))
		return broken(refusal, "answered with a list that is cut short");
	count = le32_to_cpu(x->count);
	/* limits the length and the copy below */
	if (count > RIOD_EXPORTS_MAX || f->len != struct_size(x, exports, count) ||
	    x->rsvd || le32_to_cpu(x->total) < count)
		return broken(refusal, "answered with a list of the wrong length");
	for (i = 0; i < count; i++) {
		if (!export_valid(&x->exports[i]))
			return broken(refusal, "answered with a malformed export");
	}
	if (total)
		*total = le32_to_cpu(x->total);
	*exports = kvmemdup(x->exports, count * sizeof(**exports), GFP_KERNEL);
	return *exports ? count : -ENOMEM;
}

static int ask_list(struct riod_conn *conn, struct riod_wire_export **exports,
		    u32 *total, struct riod_refusal *refusal)
{
	struct riod_frame *f = make_hello(RIOD_INTENT_LIST);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = send_frame(conn, f);
	if (ret)
		return ret;
	f = recv_answer(conn, RIOD_FRAME_EXPORTS, RIOD_FRAME_MIN, refusal);
	if (IS_ERR(f))
		return PTR_ERR(f);
	ret = read_exports(f, exports, total, refusal);
	riod_frame_free(f);
	return ret;
}

int riod_negotiate_list(struct riod_conn *conn, struct riod_wire_export **exports,
			u32 *total, struct riod_refusal *refusal)
{
	int ret;

	*exports = NULL;
	memset(refusal, 0, sizeof(*refusal));
	limit_waits(conn);
	ret = ask_list(conn, exports, total, refusal);
	if (ret < 0)
		explain(refusal, ret);
	return ret;
}
EXPORT_SYMBOL_GPL(riod_negotiate_list);

/* ------------------------------------------------------------ server */

u16 riod_negotiate_version(const struct riod_wire_hello *hello)
{
	unsigned int n = min_t(unsigned int, le16_to_cpu(hello->nversions),
			       RIOD_VERSIONS_MAX);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (offered(le16_to_cpu(hello->versions[i])))
			return le16_to_cpu(hello->versions[i]);
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_negotiate_version);

/* descending, no duplicates, no 0 among them, and 0 behind the last */
static const char *versions_fault(const struct riod_wire_hello *h)
{
	unsigned int n = le16_to_cpu(h->nversions);
	u32 above = U16_MAX + 1;
	unsigned int i;

	if (!n || n > RIOD_VERSIONS_MAX)
		return "HELLO with an impossible number of versions";
	for (i = 0; i < RIOD_VERSIONS_MAX; i++) {
		u32 v = le16_to_cpu(h->versions[i]);

		if (i < n ? !v || v >= above : v)
			return "HELLO with a malformed list of versions";
		above = v;
	}
	return NULL;
}

static const char *hello_fault(const struct riod_wire_hello *h)
{
	bool resume = h->intent == RIOD_INTENT_RESUME;

	if (!resume && h->intent != RIOD_INTENT_LIST && h->intent != RIOD_INTENT_ATTACH)
		return "HELLO with an unknown intent";
	if (h->rsvd)
		return "HELLO with reserved fields set";
	if (resume != !!memchr_inv(h->session, 0, sizeof(h->session)))
		return resume ? "HELLO that resumes without a session id" :
				"HELLO with reserved fields set";
	if (h->intent == RIOD_INTENT_LIST && h->rx_seq)
		return "HELLO with reserved fields set";
	if (h->intent == RIOD_INTENT_ATTACH && le64_to_cpu(h->lost_ms) > RIOD_LOST_MAX_MS)
		return "HELLO that asks for an impossible lost_ms";
	if (le32_to_cpu(h->window) < RIOD_WINDOW_MIN)
		return "HELLO with a window below the minimum";
	if (le32_to_cpu(h->max_frame) < RIOD_FRAME_MIN)
		return "HELLO with a frame size below the minimum";
	if (!name_valid(h->export))
		return "HELLO with a malformed name";
	if (h->intent != RIOD_INTENT_ATTACH && h->export[0])
		return "HELLO with a name that its intent has not";
	return NULL;
}

/* names the versions of both sides; fits: at most 8 numbers of 5 digits */
static void version_text(const struct riod_wire_hello *h, char *text, size_t size)
{
	unsigned int n = le16_to_cpu(h->nversions);
	unsigned int i;
	int len;

	len = scnprintf(text, size, "this host speaks version");
	for (i = 0; i < ARRAY_SIZE(versions); i++)
		len += scnprintf(text + len, size - len, " %u", versions[i]);
	len += scnprintf(text + len, size - len, ", the peer");
	for (i = 0; i < n; i++)
		len += scnprintf(text + len, size - len, " %u",
				 le16_to_cpu(h->versions[i]));
}

static int send_refuse(struct riod_conn *conn, enum riod_reason reason,
		       const char *text)
{
	struct riod_wire_refuse *r;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_REFUSE, 0, sizeof(*r), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	r = (struct riod_wire_refuse *)f->body;
	r->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	r->version = cpu_to_le16(versions[0]);
	r->reason = cpu_to_le16(reason);
	strscpy(r->text, text ?: riod_reason_str(reason));
	return send_frame(conn, f);
}

/* check a HELLO with the right magic; 0, or an error after a REFUSE */
static int check_hello(struct riod_conn *conn, const struct riod_frame *f)
{
	const struct riod_wire_hello *h = (const void *)f->body;
	char text[RIOD_TEXT_LEN];
	const char *fault;

	if (f->len != sizeof(*h) || f->hdr.type != RIOD_FRAME_HELLO ||
	    !header_clear(&f->hdr))
		fault = "the first frame is no HELLO";
	else
		fault = versions_fault(h);
	/* before the rest, which may have another meaning in another version */
	if (!fault && !riod_negotiate_version(h)) {
		version_text(h, text, sizeof(text));
		send_refuse(conn, RIOD_REASON_VERSION, text);
		return -EPROTONOSUPPORT;
	}
	if (!fault)
		fault = hello_fault(h);
	if (!fault)
		return 0;
	send_refuse(conn, RIOD_REASON_PROTOCOL, fault);
	return -EPROTO;
}

static int recv_hello(struct riod_conn *conn, struct riod_wire_hello *hello)
{
	struct riod_frame *f;
	int err;

	/* an unaccepted peer cannot make us allocate more than a HELLO */
	f = conn->ops->recv(conn, HELLO_FRAME);
	if (IS_ERR(f))
		return PTR_ERR(f);
	err = has_magic(f) ? check_hello(conn, f) : -EPROTO;
	if (!err)
		memcpy(hello, f->body, sizeof(*hello));
	riod_frame_free(f);
	return err;
}

int riod_negotiate_hello(struct riod_conn *conn, struct riod_wire_hello *hello)
{
	limit_waits(conn);
	return recv_hello(conn, hello);
}
EXPORT_SYMBOL_GPL(riod_negotiate_hello);

/* the part of a WELCOME that is the same in ATTACH and RESUME */
static struct riod_frame *make_welcome(const struct riod_session_params *p, u64 rx_seq)
{
	struct riod_wire_welcome *w;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_WELCOME, 0, sizeof(*w), GFP_KERNEL);
	if (!f)
		return NULL;
	w = (struct riod_wire_welcome *)f->body;
	w->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	w->version = cpu_to_le16(p->version);
	w->nfuncs = p->nfuncs;
	w->window = cpu_to_le32(RIOD_WINDOW_DEFAULT);
	w->max_frame = cpu_to_le32(RIOD_FRAME_MAX);
	w->features = cpu_to_le64(p->features);
	w->rx_seq = cpu_to_le64(rx_seq);
	memcpy(w->session, p->id, sizeof(w->session));
	w->keepalive_ms = cpu_to_le32(p->keepalive_ms);
	w->lost_ms = cpu_to_le32(p->lost_ms);
	return f;
}

int riod_negotiate_welcome(struct riod_conn *conn,
			   const struct riod_wire_hello *hello, u8 nfuncs,
			   u32 keepalive_ms, u32 lost_ms,
			   struct riod_session_params *params)
{
	u16 version = riod_negotiate_version(hello);
	struct riod_frame *f;
	int err;

	if (!version)
		return -EPROTONOSUPPORT;
	if (!nfuncs || nfuncs > RIOD_FUNCS_MAX)
		return -EINVAL;
	/* clamped to what clients accept */
	keepalive_ms = clamp_t(u32, keepalive_ms, RIOD_KEEPALIVE_MIN_MS,
			       RIOD_KEEPALIVE_MAX_MS);
	*params = (struct riod_session_params) {
		.version = version,
		.nfuncs = nfuncs,
		.tx_window = agree_window(le32_to_cpu(hello->window)),
		.tx_max_frame = agree_max_frame(le32_to_cpu(hello->max_frame)),
		.rx_max_frame = RIOD_FRAME_MAX,
		.features = le64_to_cpu(hello->features) & FEATURES,
		.keepalive_ms = keepalive_ms,
		.lost_ms = clamp_t(u32, lost_ms, 2 * keepalive_ms, RIOD_LOST_MAX_MS),
	};
	get_random_bytes(params->id, sizeof(params->id));
	f = make_welcome(params, 0);
	if (!f)
		return -ENOMEM;
	limit_waits(conn);
	err = send_frame(conn, f);
	if (!err)
		free_waits(conn);
	return err;
}
EXPORT_SYMBOL_GPL(riod_negotiate_welcome);

int riod_negotiate_resumed(struct riod_conn *conn, const struct riod_session_params *params,
			   u64 rx_seq)
{
	struct riod_frame *f = make_welcome(params, rx_seq);

	if (!f)
		return -ENOMEM;
	/* the end of the session waits for it */
	conn->ops->timeouts(conn, RESUMED_MS, RESUMED_MS);
	return send_frame(conn, f);
}
EXPORT_SYMBOL_GPL(riod_negotiate_resumed);

int riod_negotiate_refuse(struct riod_conn *conn, enum riod_reason reason,
			  const char *text)
{
	return send_refuse(conn, reason, text);
}
EXPORT_SYMBOL_GPL(riod_negotiate_refuse);

int riod_negotiate_exports(struct riod_conn *conn,
			   const struct riod_wire_export *exports, u32 count,
			   u32 total)
{
	struct riod_wire_exports *x;
	struct riod_frame *f;

	count = min_t(u32, count, RIOD_EXPORTS_MAX);
	f = riod_frame_alloc(RIOD_FRAME_EXPORTS, 0, struct_size(x, exports, count),
			     GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	x = (struct riod_wire_exports *)f->body;
	x->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	x->count = cpu_to_le32(count);
	x->total = cpu_to_le32(max(total, count));
	memcpy(x->exports, exports, count * sizeof(*exports));
	limit_waits(conn);
	return send_frame(conn, f);
}
EXPORT_SYMBOL_GPL(riod_negotiate_exports);
