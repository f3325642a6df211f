#!/usr/bin/python3
"""in-use, by which the packages' prerm scripts know whether mail would stop:
lists of Postfix as its own postconf(1) tells them, and lines of Sendmail."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap

tap = lab_tap.Tap()
SCRIPT = os.path.join(lab_base.ROOT, "packaging", "debian", "in-use")
SOCKET = "unix:/run/gatepost/%s/milter.sock"
DKIM = SOCKET % "dkim"
M4 = os.path.join(lab_base.ROOT, "packaging", "etc", "gatepost.m4")


def in_use(name, folder, root=None):
    """Exit code and lines, the folders' names taken out."""
    env = dict(os.environ, MAIL_CONFIG=folder, DPKG_ROOT=root or os.path.join(folder, "nothing"), LC_ALL="C")
    r = subprocess.run([SCRIPT, name], env=env, capture_output=True, text=True, timeout=30, check=False)
    if r.stderr:
        tap.ok(False, "in-use says nothing else", r.stderr)
    return r.returncode, [line.replace(os.path.dirname(folder) + "/", "") for line in r.stdout.splitlines()]


def instance(lab, name, main, master=""):
    folder = lab.path(name)
    os.mkdir(folder)
    with open(os.path.join(folder, "main.cf"), "w", encoding="ascii") as f:
        f.write("compatibility_level = 3.6\n" + main)
    with open(os.path.join(folder, "master.cf"), "w", encoding="ascii") as f:
        f.write("smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n" + master)
    return folder


def postfix(lab):
    def case(name, main, expected, what, master="", milter="dkim"):
        tap.equal(in_use(milter, instance(lab, name, main, master)), expected, what)

    case("none", "", (1, []), "Postfix knows nothing of us")
    case("bare", "smtpd_milters = %s\n" % DKIM, (0, ["stops bare: smtpd_milters: default_action=tempfail"]),
         "a bare socket: milter_default_action, which is tempfail")
    case("usual", "milter_default_action = accept\nsmtpd_milters = inet:h:1, %s\n" % DKIM,
         (1, ["passes usual: smtpd_milters: default_action=accept"]), "... or what main.cf says")
    case("braces", "non_smtpd_milters = { %s, connect_timeout=5s, default_action = accept }, { %s }\n" % (SOCKET % "spf", DKIM),
         (0, ["stops braces: non_smtpd_milters: default_action=tempfail"]), "each socket by what stands in its own braces")
    tap.equal(in_use("spf", lab.path("braces")), (1, ["passes braces: non_smtpd_milters: default_action=accept"]), "... the other one too")
    tap.equal(in_use("rate", lab.path("braces")), (1, []), "... and a milter that is not there")
    case("unused", "ours = %s\nsmtpd_milters = unix:/run/other/dkim/milter.sock\n" % DKIM, (1, []),
         "neither a list that nothing refers to, nor another's socket")
    case("hold", "smtpd_milters = { %s, default_action=quarantine }\n" % DKIM,
         (0, ["stops hold: smtpd_milters: default_action=quarantine"]), "held mail has stopped, too")
    enabled = ("gatepost_socket_dir = /run/gatepost\n"
               "gatepost_inbound_milters = { unix:$gatepost_socket_dir/dkim/milter.sock, default_action=accept }\n"
               "gatepost_submission_milters = { unix:$gatepost_socket_dir/dkim/milter.sock, default_action=tempfail }\n"
               "smtpd_milters = $gatepost_inbound_milters\n")
    case("enabled", enabled, (0, ["passes enabled: smtpd_milters: default_action=accept",
                                  "stops enabled: submission/inet/gatepost_inbound_milters: default_action=tempfail"]),
         "as gatepost postfix enable writes it", " -o gatepost_inbound_milters=$gatepost_submission_milters\n")
    case("service", "", (1, ["passes service: submission/inet/smtpd_milters: default_action=accept"]),
         "a service's own milter_default_action", " -o smtpd_milters=%s -o milter_default_action=accept\n" % DKIM)
    case("first", "multi_instance_directories = %s\n" % lab.path("bare"),
         (0, ["stops bare: smtpd_milters: default_action=tempfail"]), "another instance of Postfix")


def sendmail(lab):
    empty = instance(lab, "empty", "")
    root = lab.path("root")
    os.makedirs(root + "/etc/mail")
    os.makedirs(root + "/usr/libexec/sendmail")

    def case(line, expected, what):
        with open(root + "/etc/mail/sendmail.cf", "w", encoding="ascii") as f:
            f.write("O InputMailFilters=gatepost-dkim\n%s\nMlocal, P=/usr/bin/procmail, F=lsDFMAw5\n" % line)
        tap.equal(in_use("dkim", empty, root), expected, what)

    case("Xgatepost-dkim, S=local:/run/gatepost/dkim/milter.sock, F=T", (1, []), "sendmail.cf of a Sendmail that is not there")
    shutil.copy("/bin/true", root + "/usr/libexec/sendmail/sendmail")
    with open(M4, encoding="ascii") as f:
        ours = [line.split("`")[2].split("'")[0] for line in f if line.startswith("INPUT_MAIL_FILTER(`gatepost-dkim'")]
    case("Xgatepost-dkim, " + ours[0], (0, ["stops /etc/mail/sendmail.cf: F=T"]), "as gatepost.m4 has it")
    case("Xgatepost-dkim, S=local:/run/gatepost/dkim/milter.sock, T=S:30s", (1, ["passes /etc/mail/sendmail.cf: no F="]),
         "without F= Sendmail does without")
    case("Xother, S=local:/run/other/dkim/milter.sock, F=T", (1, []), "another's milter")


with lab_base.Lab("in-use") as lab_:
    if shutil.which("postconf"):
        postfix(lab_)
    else:
        tap.skip("lists of Postfix", "Postfix is not installed")
    sendmail(lab_)
tap.done()
