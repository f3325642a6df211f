"""sendmail_letters - letters whose header Sendmail leaves as it is, and such as
it writes anew when all filters have seen them, as foreseen or not."""

HEADER = {"From": "Shop <news@shop.example>", "To": "Ann <ann@receiver.example>", "Subject": "A test",
          "Date": "Sat, 21 Nov 2026 12:00:00 +0000", "Message-ID": "<1@shop.example>"}
BODY = "Hello Ann,\n\ngood  news\tfor you.\n"


def letter(domain="shop.example", extra="", body=BODY, **fields):
    """From news@DOMAIN.  A field by name (Message_ID) is given, blank and all,
    as it stands behind the colon, or left out when it is None."""
    header = {n: " " + v.replace("shop.example", domain) for n, v in HEADER.items()}
    header.update({n.replace("_", "-"): v for n, v in fields.items()})
    return "".join("%s:%s\n" % (n, v) for n, v in header.items() if v is not None) + (extra and extra + "\n") + "\n" + body


def many(between):
    return " " + between.join("Person %02d <person%02d@receiver.example>" % (i, i) for i in range(8))


RESENT = "Resent-From: ann@shop.example\nResent-To: %s\nResent-Date: Sat, 21 Nov 2026 12:00:00 +0000\n" \
    "Resent-Message-ID: <r@shop.example>"

KEPT = (
    ("no Date", letter(Date=None)),
    ("no Message-ID", letter(Message_ID=None)),
    ("neither", letter(Date=None, Message_ID=None)),
    ("addresses parted by comma and blank", letter(To=many(", "))),
    ("a folded list", letter(To=many(",\n "))),
    ("a list folded by tabs", letter(To=many(",\n\t"))),
    ("two blanks behind a comma", letter(To=many(",  "))),
    ("a fold within an address", letter(To=" Ann\n <ann@receiver.example>")),
    ("no blank before <", letter(To=" Ann<ann@receiver.example>")),
    ("only <>", letter(To=" <ann@receiver.example>")),
    ("an empty group", letter(To=" undisclosed-recipients:;")),
    ("a group", letter(To=" friends: a@receiver.example, b@receiver.example;")),
    ("a comment", letter(From=" news@shop.example (The (good) Shop)")),
    ("two blanks in a phrase", letter(From=" The  Shop <news@shop.example>")),
    ("a quoted phrase", letter(From=' "The  Shop, Inc." <news@shop.example>')),
    ("encoded words", letter(From=" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?Q?_mehr?= <news@shop.example>")),
    ("capitals in a domain", letter(To=" Ann <Ann@RECEIVER.Example>")),
    ("an empty Cc", letter(extra="Cc:")),
    ("a quoted local part", letter(To=' "ann b"@receiver.example')),
    ("a domain literal", letter(To=" Ann <ann@[192.0.2.1]>")),
    ("no blank behind the colon", letter(Subject="A test")),
    ("a tab behind the colon", letter(Subject="\tA test")),
    ("a fold behind the colon", letter(Subject="\n A test")),
    ("blanks at the end", letter(Subject=" A test  ")),
    ("no Subject's text", letter(Subject="")),
    ("a fold of blanks only", letter(Subject=" A\n  \n test")),
    ("a hundred folds", letter(Subject=" " + "\n ".join("word%d" % i for i in range(100)))),
    ("a line of 900 octets", letter(Subject=" " + "x" * 900)),
    ("8-bit header", letter(Subject=" Gr\u00fc\u00dfe", From=" Gr\u00fc\u00dfe <news@shop.example>")),
    ("a name in small letters", letter().replace("Subject:", "subject:")),
    ("8-bit body", letter(extra="MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                          "Content-Transfer-Encoding: 8bit", body="Gr\u00fc\u00dfe\n")),
    ("8-bit body without MIME", letter(body="Gr\u00fc\u00dfe\n")),
    ("no body", letter(body="")),
    ("no line end at the end", letter(body="no line end")),
    ("dots, From, blanks", letter(body=".\n..\nFrom me\na  \nb\t\n\n\n")),
    ("a body line of 998 octets", letter(body="x" * 998 + "\n")),
    ("one-click fields", letter(extra="List-Unsubscribe: <mailto:u@shop.example>,\n <https://shop.example/u?a=1,2>\n"
                                "List-Unsubscribe-Post: List-Unsubscribe=One-Click")),
    ("References", letter(extra="In-Reply-To: <a@b.example>\nReferences: <1@b.example>\n <2@b.example>\n\t<3@b.example>")),
)

FORESEEN = (
    ("no blank behind a comma", letter(To=" a@receiver.example,b@receiver.example")),
    ("a blank before a comma", letter(To=" a@receiver.example , b@receiver.example")),
    ("a comma at the end", letter(To=" a@receiver.example,")),
    ("Reply-To without a blank", letter(extra="Reply-To: a@shop.example,b@shop.example")),
    ("Resent-To without a blank", letter(extra=RESENT % "a@receiver.example,b@receiver.example")),
    ("an address without a domain", letter(To=" ann")),
    ("a dot at the end of a domain", letter(To=" ann@receiver.example.")),
    ("a route", letter(To=" <@relay.example:ann@receiver.example>")),
    ("a phrase to be quoted", letter(From=" J. Doe <news@shop.example>")),
    ("a long list without blanks", letter(To=many(","))),
    ("a comment without a blank", letter(To=" ann@receiver.example(Ann)")),
    ("blanks in angles", letter(From=" Shop < news@shop.example >")),
    ("empty members", letter(To=" ,a@receiver.example,,b@receiver.example")),
)

CHANGED = (
    ("an author with a route", letter(From=" <@relay.example:news@shop.example>")),
    ("a masqueraded domain", letter("branch.example")),
)
