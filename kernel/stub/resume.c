// SPDX-License-Identifier: GPL-2.0-only
/*
 * RESUME: a new connection for a session that has lost its own
 *
 * The session is found by its id, and only for the address and the transport that attached:
 * it may hold frames in memory of a transport after their connection is closed, and pins
 * only the one that it began with.  It must not be freed meanwhile: @nresuming of its
 * attachment is counted under riod_stub_lock while the export still names the attachment,
 * and att_teardown(), which takes the name away first, waits for the count.
 */
#include <crypto/utils.h>
#include <linux/pci.h>

#include "stub.h"

static bool resume_matches(const struct riod_stub_export *exp, const struct riod_stub_att *att)
{
	const struct riod_session_params *params;

	lockdep_assert_held(&riod_stub_lock);
	if (!exp->att || exp->att->transport != att->transport ||
	    !riod_stub_listens(exp, att->net, att->transport, att->port) ||
	    !riod_stub_same_host(&exp->att->peer, &att->peer))
		return false;
	params = riod_session_params(riod_link_session(exp->att->link));
	return !crypto_memneq(params->id, att->hello.session, sizeof(params->id));
}

/* the attachment that @att continues, counted; or NULL */
static struct riod_stub_att *resume_find(const struct riod_stub_att *att)
{
	struct riod_stub_att *found = NULL;
	struct riod_stub_export *exp;

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (!resume_matches(exp, att))
			continue;
		found = exp->att;
		/* for the wake-up in resume_put() */
		kref_get(&exp->ref);
		found->nresuming++;
		break;
	}
	mutex_unlock(&riod_stub_lock);
	return found;
}

static void resume_put(struct riod_stub_att *found)
{
	struct riod_stub_export *exp = found->exp;

	mutex_lock(&riod_stub_lock);
	/* from here on @found may be freed */
	smp_store_release(&found->nresuming, found->nresuming - 1);
	mutex_unlock(&riod_stub_lock);
	wake_up_all(&exp->wait);
	riod_stub_export_put(exp);
}

/**
 * riod_stub_resume_wait() - wait until no handshake uses an attachment
 * @att: attachment that is over, and that its export does not name any more
 *
 * Short: a handshake waits for the session, which is over, and sends one frame.
 */
void riod_stub_resume_wait(struct riod_stub_att *att)
{
	/* pairs with resume_put() */
	wait_event(att->exp->wait, !smp_load_acquire(&att->nresuming));
}

/*
 * NONE: the session has the connection, or it waits for the peer to come again; otherwise
 * the reason of a refusal
 */
static enum riod_reason resume_on(struct riod_stub_att *att, struct riod_session *s)
{
	u64 theirs = le64_to_cpu(att->hello.rx_seq), ours;
	struct riod_conn *conn = att->conn;
	int err;

	switch (riod_session_resume_begin(s, theirs, &ours)) {
	case 0:
		break;
	case -EBUSY:
		return RIOD_REASON_BUSY;
	case -EPROTO:
	case -ESTALE:
		return RIOD_REASON_PROTOCOL;
	default:
		return RIOD_REASON_NO_SESSION;
	}
	/* afterwards no other thread shuts the connection down */
	riod_stub_handshake_done(att);
	err = riod_negotiate_resumed(conn, riod_session_params(s), ours);
	/* without a WELCOME the peer comes again */
	if (!riod_session_resume_end(s, err ? NULL : conn, theirs) && !err)
		att->conn = NULL;
	return RIOD_REASON_NONE;
}

/**
 * riod_stub_resume() - handle RESUME
 * @att: connection that has received a HELLO; still to be freed by the caller
 */
void riod_stub_resume(struct riod_stub_att *att)
{
	enum riod_reason reason = RIOD_REASON_NO_SESSION;
	struct riod_stub_att *found = resume_find(att);

	if (found) {
		reason = resume_on(att, riod_link_session(found->link));
		resume_put(found);
	}
	if (reason)
		riod_negotiate_refuse(att->conn, reason,
				      reason == RIOD_REASON_BUSY ? "the session is busy" : NULL);
}
