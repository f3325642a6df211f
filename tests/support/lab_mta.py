"""lab_mta - what the suites of tests/integration ask of an MTA: the same for a
private Postfix (lab_postfix) and a private Sendmail (lab_sendmail).

A suite (suite_spf.py and so on) is a module with `main(mta)`, where `mta` is one
of the two classes; test_postfix_NAME.py and test_sendmail_NAME.py are its
programs.  What an MTA does otherwise is a trait of its class, asked for by name
and never by the name of the MTA, so that the table of gatepost-sendmail(7) can
be read off here.
"""


class Mta:
    """An MTA that takes mail for every domain and relays it to a sink.

    Its constructor takes (lab, sink_port, milter, host, other=None, login=None,
    chains=None, transports=None): `milter` is a list of filters in Postfix's way of writing,
    "unix:PATH, inet:HOST:PORT", asked on `port`; `other` the same for a second
    port, `chains` for more of them by name; `login` is {login: password} of
    those who may submit on `submit_port`, whence their mail goes on to `port`
    from the address ONWARD, as it comes to a receiver's MX.  `transports` is
    {domain: name}: mail to this domain goes to the sink by a way of its own,
    which {rcpt_mailer} calls by this name.
    """

    NAME = ""           # as the report of a test calls it
    GROUP = None        # that of a socket's folder, for an MTA that is not root
    ONWARD = "127.0.0.25"

    # -- traits: what the table in gatepost-sendmail(7) says ---------------
    # octets of a header that is refused for its size; None when it is cut
    HEADER_LIMIT = None
    # octets of a body's line that leaves as it came; a longer one is broken
    LINE_LIMIT = 998
    # address fields are written anew when a message leaves, behind the filters:
    # a blank after each comma, folds, quotes around some names
    REWRITES_ADDRESSES = False
    # it takes SMTPUTF8
    SMTPUTF8 = True
    # the notices that it makes itself go through the filters
    FILTERS_BOUNCES = True
    # what a filter says to a recipient follows "<recipient>... " in the reply
    REPLY_NAMES_RCPT = False

    # None: a filter is told that what sendmail(1) submits is local, and what it
    # says to a recipient nobody hears, so it judges the message as a whole.
    # Else such mail comes by SMTP from this address, out of a queue of its own.
    LOCAL_CLIENT = None
    # the header of a message that the MTA takes up to its end and then refuses
    # by itself, and the code it refuses it with
    REFUSED = ""
    REFUSED_CODE = 0

    port = other_port = submit_port = None
    chain_ports = {}

    @staticmethod
    def why_not():
        """Why there can be none here; None when there can."""
        raise NotImplementedError

    def client(self, address, login=None, port=None, helo="client.example"):
        """A lab_smtp.Client that the MTA takes for this address (of any kind,
        not one of the host's) and login, after its EHLO."""
        raise NotImplementedError

    def submission(self, login):
        """One on `submit_port` that has logged in with its password; a
        ConnectionError when the MTA does not let it, as when a filter is gone."""
        raise NotImplementedError

    def sendmail(self, sender, rcpts, message):
        """Submit by sendmail(1), as a local program does; with no recipients,
        to those of the header.  The finished process."""
        raise NotImplementedError

    def log(self):
        """All that the MTA has logged."""
        raise NotImplementedError

    def trouble(self, since=0):
        """Lines of log()[since:] that complain of a filter."""
        raise NotImplementedError

    def refusals(self, since=0):
        """What log()[since:] says that a filter refused: [("rcpt" or "message",
        line)], of a recipient or at the end."""
        raise NotImplementedError

    def queue(self):
        """[{"queue_name": "hold" or another, "queue_id": ...}]: what waits."""
        raise NotImplementedError

    def release(self, queue_id):
        """Out of the hold queue, and on its way at once."""
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError
