#!/usr/bin/python3
"""report.py RAW.jsonl - one table of all runs: median and range of each row.

The limits are those of the design for server CPU at 8 sessions, for p99 and
for the memory of 1000 held connections.
"""
import json
import sys

CPU_LIMIT = {("spf-plain", 8): 150, ("spf-inc5", 8): 160}  # us a message
P99_LIMIT_MS = 3  # at 8 sessions
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


def verdict(value, limit, unit):
    word = "ok" if value <= limit else "over"
    return f"{word}: {value:.0f} of {limit} {unit}"


def judged(row, conc, subject, runs):
    if subject != "gatepost":
        return ""
    said = []
    cpu = middle([run["server_cpu_us_per_msg"] for run in runs])
    if (row, conc) in CPU_LIMIT:
        said.append(verdict(cpu, CPU_LIMIT[row, conc], "us"))
    if conc == 8 and row in ("spf-plain", "spf-inc5"):
        p99 = middle([run["p99_us"] for run in runs]) / 1000
        said.append("p99 " + ("ok" if p99 <= P99_LIMIT_MS else f"over {P99_LIMIT_MS} ms"))
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
            "max ms", ">50ms", "bad", "RSS MB", "other %", "limit")
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
