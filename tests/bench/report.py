#!/usr/bin/python3
"""report.py RAW.jsonl - one table of all runs: median and range of each row.

The limits are those of the design for server CPU at 8 sessions, for p99, for
megabytes in a second of server CPU, and for the memory of 1000 held connections.
"""
import json
import sys

CPU_LIMIT = {  # us a message, at 8 sessions
    "spf-plain": 150, "spf-inc5": 160, "dkim-sign-rsa": 430, "dkim-sign-ed": 200,
    "dkim-verify-rsa": 190, "dkim-verify-html": 260, "dmarc": 160, "chain": 480,
    "rate": 160, "rate-login": 160}
MB_LIMIT = {"dkim-sign-3mb": 700, "dkim-verify-3mb": 700}  # at least, in a second of CPU
P99_LIMIT_MS = 3  # at 8 sessions, of a single filter in a row that has a limit of CPU
IDLE_LIMIT_KB = 8 * 1024
OTHER_LOAD = 15  # percent of one processor; above it a run is doubtful


def rows(path):
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            run = json.loads(line)
            row, subject = run["label"].split("/")
            found.setdefault((row, run["sessions"], subject), []).append(run)
    return found


def middle(values):
    return sorted(values)[(len(values) - 1) // 2]


def spread(runs, key, form, scale=1):
    values = [run.get(key, 0) / scale for run in runs]
    text = form.format(middle(values))
    if len(values) > 1:
        text += " (" + form.format(min(values)) + "-" + form.format(max(values)) + ")"
    return text


def mb_a_cpu_second(run):
    """Megabytes that a second of the server's CPU time is enough for."""
    us = run["server_cpu_us_per_msg"] * run["msgs_per_s"]
    return run["mb_per_s"] * 1000000 / us if us else 0


def speed(row, runs):
    """Of the server's CPU and of the wall clock, where messages are large."""
    if row not in MB_LIMIT:
        return ""
    return (f"{middle([mb_a_cpu_second(run) for run in runs]):.0f} / "
            f"{middle([run['mb_per_s'] for run in runs]):.0f}")


def verdict(value, limit, unit):
    word = "ok" if value <= limit else "over"
    return f"{word}: {value:.0f} of {limit} {unit}"


def redis(row, subject, runs):
    """What Redis takes beside a limiter that counts there."""
    if not row.startswith("rate") or subject in ("noop", "gatepost-rate"):
        return []
    return ["and %.0f us of Redis" % middle([run["helper_cpu_us_per_msg"] for run in runs])]


def judged(row, conc, subject, runs):
    said = redis(row, subject, runs)
    if not subject.startswith("gatepost"):
        return "; ".join(said)
    if conc == 8 and row in CPU_LIMIT:
        said.append(verdict(middle([run["server_cpu_us_per_msg"] for run in runs]),
                            CPU_LIMIT[row], "us"))
    if conc == 8 and row in CPU_LIMIT and runs[0]["chain"] == 1:
        p99 = middle([run["p99_us"] for run in runs]) / 1000
        said.append("p99 " + ("ok" if p99 <= P99_LIMIT_MS else f"over {P99_LIMIT_MS} ms"))
    if conc == 8 and row in MB_LIMIT:
        mb = middle([mb_a_cpu_second(run) for run in runs])
        said.append(("ok" if mb >= MB_LIMIT[row] else "under") +
                    f": {mb:.0f} of {MB_LIMIT[row]} MB/s")
    if "idle" in runs[0]:
        held = middle([run["idle"]["rss_kb"] for run in runs])
        said.append(verdict(held / 1024, IDLE_LIMIT_KB // 1024, "MB RSS"))
    return "; ".join(said)


def memory(runs):
    idle = [run["idle"] for run in runs if "idle" in run]
    if not idle:
        return f"{middle([run['server_rss_kb'] for run in runs]) / 1024:.1f}"

    def mb(key):
        return f"{middle([i[key] for i in idle]) / 1024:.1f}"
    return f"{mb('rss_before_kb')}>{mb('rss_kb')} (PSS {mb('pss_before_kb')}>{mb('pss_kb')})"


def main():
    head = ("row", "conc", "subject", "server CPU us/msg", "msgs/s", "p50 ms", "p99 ms",
            "max ms", ">50ms", "bad", "RSS MB", "MB/s CPU / wall", "other %", "limit")
    table = [head]
    whys = []
    for (row, conc, subject), runs in rows(sys.argv[1]).items():
        whys += [f"{row}/{subject} at {conc}: {run['first_unexpected']}"
                 for run in runs if "first_unexpected" in run][:1]
        other = max(run["other_cpu_percent"] for run in runs)
        table.append((
            row, str(conc), subject,
            spread(runs, "server_cpu_us_per_msg", "{:.0f}"),
            spread(runs, "msgs_per_s", "{:.0f}"),
            spread(runs, "p50_us", "{:.2f}", 1000),
            spread(runs, "p99_us", "{:.2f}", 1000),
            f"{max(run['max_us'] for run in runs) / 1000:.1f}",
            str(sum(run["over_50ms"] for run in runs)),
            str(sum(run["unexpected"] for run in runs)),
            memory(runs),
            speed(row, runs),
            f"{other:.0f}" + ("!" if other > OTHER_LOAD else ""),
            judged(row, conc, subject, runs)))
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    print()
    for line in table:
        print("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip())
    print("\nmedian (lowest-highest) of the runs; conc: SMTP sessions at a time; >50ms: so "
          "many messages;\nbad: not as expected; other %: what else ran, of one processor, "
          f"! above {OTHER_LOAD}")
    for why in whys:
        print(why)


main()
