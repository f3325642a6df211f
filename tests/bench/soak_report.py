#!/usr/bin/python3
"""soak_report.py line FILE | sum FILE SLOPE-KB

Reads milterload's lines.  `line` prints the last one; `sum` the trend of the
memory over the second half, by least squares, and exits 1 when it gained more
than a megabyte and SLOPE-KB for 10^6 messages, or descriptors were lost.
"""
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def slope(points):
    """Least squares: units of y for one of x; exact up to the division."""
    n = len(points)
    sx = sum(x for x, _ in points)
    sy = sum(y for _, y in points)
    sxx = sum(x * x for x, _ in points)
    sxy = sum(x * y for x, y in points)
    below = n * sxx - sx * sx
    return (n * sxy - sx * sy) / below if below else 0


def line(runs):
    run = runs[-1]
    print(f"{sum(r['messages'] for r in runs):9} messages  {run['label']:16} "
          f"{run['msgs_per_s']:8} /s  p99 {run['p99_us'] / 1000:6.2f} ms  "
          f"{run['server_cpu_us_per_msg']:6} us  RSS {run['server_rss_kb']:7} kB  "
          f"{run['server_fds']:4} fds  {run['server_threads']:3} threads  "
          f"{run['unexpected']} unexpected", flush=True)


def total(runs, most):
    points, sent = [], 0
    for run in runs:
        sent += run["messages"]
        points.append((sent, run["server_rss_kb"]))
    half = points[len(points) // 2:]
    kb = slope(half)
    done = half[-1][0] - half[0][0]
    # where no other connections were held
    alike = [run["server_fds"] for run in runs if "idle" not in run["label"]]
    print(f"RSS {points[0][1]} kB after the first round, {points[-1][1]} kB after the last; "
          f"second half: {kb * done:+.0f} kB in {done} messages, "
          f"{kb * 1000000:+.0f} kB in 10^6")
    print(f"descriptors {alike[0]} at first, {alike[-1]} at last")
    return kb * done <= 1024 + most * done / 1000000 and alike[-1] <= alike[0] + 8


def main():
    runs = read(sys.argv[2])
    if sys.argv[1] == "line":
        line(runs)
    elif not total(runs, int(sys.argv[3])):
        sys.exit(1)


main()
